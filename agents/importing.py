"""Receipts from a table: the rows of one receipt stand together, a row a line of it."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, tzinfo
from hashlib import blake2b
from itertools import groupby
from typing import Any, Final

Row = Mapping[str, str]
_IDENTITY: Final = ("store_id", "till_id", "number")
_IDS: Final = ("card", "phone", "email", "device")
_PLAIN: Final = ("total", "currency", "payment_method", "discount_total", "customer_id", "anonymous_id", "source")
_LINE: Final = {
    "product_id": "product_id", "product_name": "name", "category": "category", "quantity": "quantity", "price": "price",
    "discount": "discount", "line_total": "total",
}  # fmt: skip
REQUIRED: Final = (*_IDENTITY, "occurred_at", "total", "currency")
FIELDS: Final = (*REQUIRED[:4], "refund_id", *_PLAIN, *_IDS, *_LINE)
"""What a column can be."""


class TableError(Exception):
    """The table can not be imported; the message says why and what to do."""


def columns_of(header: Iterable[str], renamed: Mapping[str, str], fixed: Mapping[str, str]) -> dict[str, str]:
    """Return the column of each field that has one.

    Args:
        header: Columns of the table.
        renamed: Column by field, where they are called differently.
        fixed: Fields that are the same in every row.

    Raises:
        TableError: A field or column is unknown, or a required field has neither column nor value.
    """
    columns = list(header)
    for field in (*renamed, *fixed):
        if field not in FIELDS:
            raise TableError(f"no field is called {field!r}; there are {', '.join(FIELDS)}")
    for field, column in renamed.items():
        if column not in columns:
            raise TableError(f"the table has no column {column!r} for {field}; it has {', '.join(columns)}")
    found = {field: field for field in FIELDS if field in columns} | dict(renamed)
    for field in REQUIRED:
        if field not in found and field not in fixed:
            raise TableError(f"nothing says {field}: name its column with --map {field}=COLUMN, or its value with --set")
    return found


def receipts(
    rows: Iterable[Row], columns: Mapping[str, str], fixed: Mapping[str, str], zone: tzinfo
) -> Iterator[dict[str, Any]]:
    """Yield an event for each receipt or return; its id is made of what makes it the same one, so that a repeat is one.

    Args:
        rows: Rows by column, those of a receipt one after the other.
        columns: Column by field.
        fixed: Value by field, where all rows share it.
        zone: Of times that name none.
    """
    said = ({**fixed, **{field: row[column].strip() for field, column in columns.items() if row[column]}} for row in rows)
    for identity, lines in groupby(
        said, key=lambda row: (*(row.get(name, "") for name in _IDENTITY), row.get("refund_id", ""))
    ):
        yield _receipt(identity, list(lines), zone)


def _receipt(identity: tuple[str, ...], rows: list[dict[str, str]], zone: tzinfo) -> dict[str, Any]:
    first = rows[0]
    lines = [{name: row[field] for field, name in _LINE.items() if field in row} for row in rows if "product_id" in row]
    ids = [{"id_type": kind, "id_value": first[kind]} for kind in _IDS if kind in first]
    event: dict[str, Any] = {
        "event_id": blake2b("\0".join(identity).encode(), digest_size=16).hexdigest(),
        "type": "receipt_refunded" if identity[-1] else "receipt_issued",
        "occurred_at": _with_zone(first.get("occurred_at", ""), zone),
        "receipt": dict(zip(_IDENTITY, identity[:3], strict=True)),
        **{name: first[name] for name in _PLAIN if name in first},
    }
    if identity[-1]:
        event["refund_id"] = identity[-1]
    return event | ({"identifiers": ids} if ids else {}) | ({"lines": lines} if lines else {})


def _with_zone(value: str, zone: tzinfo) -> str:
    """Return a time with its zone; what is none stays, for the scorer to refuse."""
    try:
        read = datetime.fromisoformat(value)
    except ValueError:
        return value
    return (read if read.tzinfo else read.replace(tzinfo=zone)).isoformat()

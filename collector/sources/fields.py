"""Reads the fields of a foreign object, in the types that our contracts take, and remembers which were read."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NamedTuple

_IS_PLAIN: Final = re.compile(r"-?[0-9]{1,14}\.[0-9]{1,4}").fullmatch
_ZONES: Final = ("Z", "+00:00")
_PLACES: Final = Decimal("0.0001")
_LONGEST_NUMBER: Final = 40
"""Characters of a number that is looked into: what is longer is no amount of anything."""
_MILLISECONDS_FROM: Final = 100_000_000_000
"""An epoch number from here on is in milliseconds: in seconds it would lie beyond the year 5000."""


class Mapped(NamedTuple):
    """An event of ours, and how many fields of the foreign one have no place in it."""

    topic: str
    event: dict[str, Any]
    omitted: int = 0


class Unusable(NamedTuple):
    """What says nothing that any contract of ours could hold; `detail` names fields, never values."""

    detail: str


class Fields:
    """A foreign object, whose fields are taken out one by one: what is left in the end, nobody asked for.

    Names are tried in order; nulls and empty texts count as absent. Anything but an object has no fields.

    Args:
        raw: The object, as decoded from JSON; it is not changed.
    """

    __slots__ = ("_left",)

    def __init__(self, raw: Any) -> None:
        self._left: dict[str, Any] = raw.copy() if type(raw) is dict else {}

    @property
    def unread(self) -> int:
        """How many fields that hold something nobody asked for."""
        return sum(value is not None for value in self._left.values()) if self._left else 0

    def unread_beside(self, names: frozenset[str]) -> int:
        """Return how many fields that hold something nobody asked for, those of `names` left aside."""
        if self.has_only(names):
            return 0
        return sum(value is not None and name not in names for name, value in self._left.items())

    def has_only(self, names: frozenset[str]) -> bool:
        """Tell whether nothing is left but some of `names`."""
        return self._left.keys() <= names

    def value(self, *names: str) -> Any:
        """Take out all of the fields; return the first that holds something, as it is."""
        left, found = self._left, None
        for name in names:
            if name in left:
                value = left.pop(name)
                if found is None and value != "":
                    found = value
        return found

    def object(self, name: str) -> dict[str, Any]:
        """Take out an inner object as it is; anything else is an empty one."""
        value = self._left.pop(name, None)
        return value if type(value) is dict else {}

    def inner(self, name: str) -> "Fields":
        """Take out the fields of an inner object."""
        return Fields(self._left.pop(name, None))

    def items(self, name: str) -> Iterator["Fields"]:
        """Take out a list, and yield the fields of its objects."""
        value = self._left.pop(name, None)
        for item in value if type(value) is list else ():
            yield Fields(item)

    def text(self, *names: str) -> str | None:
        """Take out a text; numbers are written out, as trackers send ids of both kinds."""
        left, found = self._left, None  # as `value` does: a message has a dozen texts, and a call costs as much as one
        for name in names:
            if name in left:
                value = left.pop(name)
                if found is None and value != "":
                    found = value
        return found if found is None or type(found) is str else text(found)

    def number(self, *names: str) -> Any:
        """Take out a decimal number as a contract takes it; what is none stays, for the contract to refuse."""
        return number(self.value(*names))

    def whole(self, *names: str) -> Any:
        """Take out a whole number where the value is one; what is none stays, for the contract to refuse."""
        value = self.value(*names)
        if value is None or type(value) is int:
            return value
        exact = number(value)
        return int(exact) if isinstance(exact, str) and exact.lstrip("-").isdigit() else value

    def instant(self, *names: str) -> str | None:
        """Take out a time as RFC 3339 with a zone; None where there is none that can be read."""
        return instant(self.value(*names))


def text(value: Any) -> str | None:
    """Return a text or a number as text, None for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    return None


def number(value: Any) -> Any:
    """Return a decimal number as text with at most four places; what is no number is returned as it is."""
    if type(value) is float and _IS_PLAIN(written := repr(value)):
        return written.removesuffix(".0")
    exact = decimal(value)
    return value if exact is None else _written(exact)


def decimal(value: Any) -> Decimal | None:
    """Return a number, or a text that is one, exactly as it is written; None for anything else."""
    if type(value) is int:
        return Decimal(value)
    if not isinstance(value, (float, str)):
        return None
    written = str(value).strip()
    if len(written) > _LONGEST_NUMBER:
        return None
    try:
        exact = Decimal(written)
    except InvalidOperation:
        return None
    return exact if exact.is_finite() and exact.adjusted() < _LONGEST_NUMBER else None


def _written(exact: Decimal) -> str:
    places = exact.as_tuple().exponent
    if isinstance(places, int) and places < -4:
        exact = exact.quantize(_PLACES)
    plain = f"{exact:f}"
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def instant(value: Any) -> str | None:
    """Return a time as RFC 3339 with a zone: a text without one is UTC, a number is seconds or milliseconds since 1970."""
    if isinstance(value, str):
        try:
            read = datetime.fromisoformat(value.strip())
        except ValueError:
            return instant(int(value)) if value.isdecimal() and value.isascii() and len(value) < 15 else None
        if read.tzinfo is None:
            read = read.replace(tzinfo=UTC)
        return value if value[10:11] == "T" and value.endswith(_ZONES) else read.isoformat()
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            seconds = value / 1000 if abs(value) >= _MILLISECONDS_FROM else value
            return datetime.fromtimestamp(seconds, UTC).isoformat()
        except (OverflowError, ValueError, OSError):
            return None
    return None


def compact(**fields: Any) -> dict[str, Any]:
    """Return the fields that hold something."""
    return {name: value for name, value in fields.items() if value is not None}

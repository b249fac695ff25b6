"""Building blocks of contract fields: bounded types, and what the data map needs to know about each field."""

import re
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    StringConstraints,
    WithJsonSchema,
)


class PersonalData(StrEnum):
    """How close a field is to a person; it rules where the field may go."""

    PLAIN = "plain"
    ATTRIBUTE = "attribute"
    IDENTIFYING = "identifying"


class Edge(StrEnum):
    """How an identifying field leaves the edge: encrypted, as a keyed hash, or cut to what names nobody."""

    SEALED = "sealed"
    HASHED = "hashed"
    CUT = "cut"


class Purpose(StrEnum):
    """What a field is kept for; a field that no purpose needs has no place in a contract."""

    SCORING = "scoring"
    ANALYTICS = "analytics"
    ADVERTISING = "advertising"
    SERVICE = "service"
    LOYALTY = "loyalty"
    LEGAL = "legal"
    OPERATIONS = "operations"


class Contract(BaseModel):
    """Base of every contract model: immutable; unknown fields are left out and counted by the projection."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False, ser_json_inf_nan="null")


REQUIRED: Final[Any] = ...
_ROUND: Final = 1.5 * 2.0**52


def field(
    description: str,
    default: Any = REQUIRED,
    *,
    purposes: tuple[Purpose, ...] = (Purpose.SCORING, Purpose.ANALYTICS),
    personal: PersonalData = PersonalData.PLAIN,
    edge: Edge = Edge.SEALED,
    unit: str | None = None,
    **constraints: Any,
) -> Any:
    """Return a pydantic field that carries its description, unit, purposes and personal-data class.

    Args:
        description: What the field says, one sentence.
        default: Its value when absent; left out, the field is required.
        purposes: What it is kept for.
        personal: How close it is to a person.
        edge: How it leaves the edge, where it is identifying.
        unit: Unit of the value, where it has one.
        constraints: Bounds that pydantic's `Field` knows.
    """
    extra: dict[str, Any] = {"x-purposes": [str(purpose) for purpose in purposes], "x-personal-data": str(personal)}
    if personal is PersonalData.IDENTIFYING:
        extra["x-at-edge"] = str(edge)
    if unit is not None:
        extra["x-unit"] = unit
    return Field(default, description=description, json_schema_extra=extra, **constraints)


def _instant(value: object) -> datetime:
    if not isinstance(value, str):
        raise ValueError("must be an RFC 3339 string with a zone")  # noqa: TRY004  # pydantic reports only ValueError
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("must be an RFC 3339 string with a zone") from None  # its own message repeats the value
    if instant.tzinfo is None:
        raise ValueError("has no zone")
    return instant


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")  # noqa: TRY004  # pydantic reports only ValueError
    return value


class Decimals:
    """Reader of decimal numbers with at most so many digits before the point and places behind it.

    Strings that `Decimal` takes and other readers do not are refused, such as `1_000`, `1e2` or ` 12 `.
    """

    def __init__(self, digits: int, places: int) -> None:
        self._fits = re.compile(rf"-?[0-9]{{1,{digits}}}(\.[0-9]{{1,{places}}})?").fullmatch
        self._high, self._scale = 10.0**digits, 10.0**places
        self._message = f"must be a decimal number, such as 12.50, with at most {places} places"

    def read(self, value: object) -> Decimal:
        """Return `value` as a decimal number; a number is read as it is written in JSON."""
        if type(value) is int and -self._high < value < self._high:
            return Decimal(value)
        text = value if isinstance(value, str) else repr(value) if type(value) is float else ""
        if not self._fits(text):
            raise ValueError(self._message)
        return Decimal(text)

    def check(self, values: Iterable[object]) -> None:
        """Raise the error of the first of `values` that is neither null nor a decimal number.

        A receipt has dozens of them, so they are not made into text first. A float is written with at most so many places
        exactly if it is the one nearest to some whole number of last places; adding and taking off 1.5 * 2^52 finds it.
        """
        low, high, scale = -self._high, self._high, self._scale
        for value in values:
            if type(value) is float:
                if low < value < high and (value * scale + _ROUND - _ROUND) / scale == value:
                    continue
            elif value is None or (type(value) is int and low < value < high):
                continue
            self.read(value)


Instant = Annotated[
    datetime,
    PlainValidator(_instant),
    PlainSerializer(datetime.isoformat, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""An aware instant, RFC 3339 on the wire."""

Flag = Annotated[bool, PlainValidator(_flag), WithJsonSchema({"type": "boolean"})]
Id = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Key = Annotated[str, StringConstraints(min_length=1, max_length=110)]
"""The key of a profile: an id, or one with the prefix of a visitor or card."""
Code = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Name = Annotated[str, StringConstraints(max_length=300)]
Url = Annotated[str, StringConstraints(min_length=1, max_length=2_000)]
Text = Annotated[str, StringConstraints(max_length=10_000)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Money = Annotated[
    Decimal,
    PlainValidator(Decimals(14, 4).read),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^-?[0-9]{1,14}(\.[0-9]{1,4})?$"}]}),
]
"""A decimal amount with at most 4 places; its currency stands beside it."""

Count = Annotated[int, Field(strict=True, ge=0, le=1_000_000_000)]
Quantity = Annotated[
    Decimal,
    PlainValidator(Decimals(9, 3).read),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^-?[0-9]{1,9}(\.[0-9]{1,3})?$"}]}),
]
"""A decimal number with at most 3 places."""

Sequence = Annotated[int, Field(strict=True, ge=0, le=2**63 - 1)]
"""A number that only grows, such as an offset."""

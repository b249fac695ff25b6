"""Building blocks of contract fields: bounded types, and what the data map needs to know about each field."""

import re
from collections.abc import Callable
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


def field(
    description: str,
    default: Any = REQUIRED,
    *,
    purposes: tuple[Purpose, ...] = (Purpose.SCORING, Purpose.ANALYTICS),
    personal: PersonalData = PersonalData.PLAIN,
    unit: str | None = None,
    **constraints: Any,
) -> Any:
    """Return a pydantic field that carries its description, unit, purposes and personal-data class.

    Args:
        description: What the field says, one sentence.
        default: Its value when absent; left out, the field is required.
        purposes: What it is kept for.
        personal: How close it is to a person.
        unit: Unit of the value, where it has one.
        constraints: Bounds that pydantic's `Field` knows.
    """
    extra: dict[str, Any] = {"x-purposes": [str(purpose) for purpose in purposes], "x-personal-data": str(personal)}
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


def _decimals(digits: int, places: int) -> Callable[[object], Decimal]:
    """Return the validator of decimal numbers; it is called ten times for a receipt's line, so it is one pass.

    Strings that `Decimal` takes and other readers do not are refused, such as `1_000`, `1e2` or ` 12 `.
    """
    fits = re.compile(rf"-?[0-9]{{1,{digits}}}(\.[0-9]{{1,{places}}})?").fullmatch
    message = f"must be a decimal number, such as 12.50, with at most {places} places"

    def amount(value: object) -> Decimal:
        text = value if isinstance(value, str) else repr(value) if type(value) in (float, int) else ""
        if not fits(text):
            raise ValueError(message)
        return Decimal(text)

    return amount


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
    PlainValidator(_decimals(14, 4)),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^-?[0-9]{1,14}(\.[0-9]{1,4})?$"}]}),
]
"""A decimal amount with at most 4 places; its currency stands beside it."""

Count = Annotated[int, Field(strict=True, ge=0, le=1_000_000_000)]
Quantity = Annotated[
    Decimal,
    PlainValidator(_decimals(9, 3)),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^-?[0-9]{1,9}(\.[0-9]{1,3})?$"}]}),
]
"""A decimal number with at most 3 places."""

Sequence = Annotated[int, Field(strict=True, ge=0, le=2**63 - 1)]
"""A number that only grows, such as an offset."""

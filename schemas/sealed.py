"""What an identifying value is once it has left the edge: sealed under its owner's key, or a keyed hash."""

import base64
import re
from typing import Annotated, Final

from pydantic import PlainValidator, WithJsonSchema

SEALED: Final = "sealed:"
"""Leads a value that was encrypted: base64url of what `streams/vault/keys.py` writes."""
HASHED: Final = "hashed:"
"""Leads a blind index: 32 hexadecimal digits that are equal where the values are, and tell nothing else."""
NOBODY: Final = HASHED + "0" * 32
"""Stands for an identifier that belongs to nobody, such as a blocked one."""
_SEALED: Final = re.compile(r"sealed:[A-Za-z0-9_-]{60,60000}").fullmatch
_HASHED: Final = re.compile(r"hashed:[0-9a-f]{32}").fullmatch


def is_sealed(value: object) -> bool:
    """Tell whether a value was encrypted, by its form."""
    return isinstance(value, str) and value.startswith(SEALED) and _SEALED(value) is not None


def is_hashed(value: object) -> bool:
    """Tell whether a value is a blind index, by its form."""
    return isinstance(value, str) and value.startswith(HASHED) and _HASHED(value) is not None


def text_of(sealed: bytes) -> str:
    """Return what was encrypted as it stands in a field."""
    return SEALED + base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()


def bytes_of(sealed: str) -> bytes:
    """Return what was encrypted, from how it stands in a field."""
    code = sealed.removeprefix(SEALED)
    return base64.urlsafe_b64decode(code + "=" * (-len(code) % 4))


class Sealable:
    """Reader of a text that is either readable, and then bounded, or sealed.

    Args:
        shortest: Least characters of the readable text.
        longest: Most characters of it.
    """

    def __init__(self, shortest: int, longest: int) -> None:
        self._shortest = shortest
        self._longest = longest

    def read(self, value: object) -> str:
        """Return the text."""
        if not isinstance(value, str):
            raise ValueError("must be a text")  # noqa: TRY004  # pydantic reports only ValueError
        if not self._shortest <= len(value) <= self._longest and not is_sealed(value):
            raise ValueError(f"must have {self._shortest} to {self._longest} characters")
        return value


SealableCode = Annotated[
    str, PlainValidator(Sealable(1, 100).read), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 100})
]
"""A text of this and the following kinds: published is the form that producers write, before the edge seals it."""
SealableName = Annotated[str, PlainValidator(Sealable(0, 300).read), WithJsonSchema({"type": "string", "maxLength": 300})]
SealableText = Annotated[
    str, PlainValidator(Sealable(0, 10_000).read), WithJsonSchema({"type": "string", "maxLength": 10_000})
]

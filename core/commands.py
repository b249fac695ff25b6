"""What stands in `warmth-command`: what the profile of one key asks of another; `core/joining.py` says what comes of it."""

from typing import Literal

import msgspec

from core.identifiers import Kind
from core.state import State
from core.times import Micros

Do = Literal["claim", "meet", "absorb", "restore", "lead"]


class Cause(msgspec.Struct, frozen=True, gc=False):
    """The event that is behind a command: its id, type and time, and the two keys that it says are one person."""

    event_id: str
    type: str
    at: Micros
    one: str
    other: str

    @property
    def pair(self) -> str:
        """What stands for the two keys, in either order."""
        return "\n".join(sorted((self.one, self.other)))


class Command(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What one profile asks of another, `key`; see the module. `through` names the keys that an `absorb` was sent on by."""

    do: Do
    key: str
    peer: str
    cause: Cause
    kind: Kind | None = None
    directed: bool = False
    via: str = ""
    through: tuple[str, ...] = ()
    profile: State | None = None


_encoder = msgspec.json.Encoder(decimal_format="string")
_decoder = msgspec.json.Decoder(Command)


def encode(command: Command) -> bytes:
    """Return the value of a record of `warmth-command`."""
    return _encoder.encode(command)


def decode(value: bytes | None) -> Command:
    """Return the command in a record.

    Raises:
        ValueError: It is none.
    """
    return _decoder.decode(value or b"")

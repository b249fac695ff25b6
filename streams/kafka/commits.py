"""What a worker notes beside each committed offset: which topic it means, and how far what it fills had come."""

import re
from typing import Final, NamedTuple

_NO_CHANGELOG: Final = "-"
_NOTE: Final = re.compile(r"([^:]+):([^:]+):(\d{1,18})")


class Note(NamedTuple):
    """The note of one committed offset.

    `topic` and `changelog` are incarnations; `changelog_next` is the offset after the last profile that was written to
    the changelog of the same partition. A loader has no changelog: it notes `-` and how far ClickHouse was, see `reached`.
    """

    topic: str
    changelog: str
    changelog_next: int

    @property
    def reached(self) -> int:
        """How far a loader had filled ClickHouse: the offset after the last one with rows; 0 where nobody noted it."""
        return self.changelog_next if self.changelog == _NO_CHANGELOG else 0


def note(topic_incarnation: str, changelog_incarnation: str, changelog_next: int) -> str:
    """Return the metadata of a commit."""
    return f"{topic_incarnation}:{changelog_incarnation}:{changelog_next}"


def loader_note(topic_incarnation: str, reached: int) -> str:
    """Return the metadata of a loader's commit."""
    return note(topic_incarnation, _NO_CHANGELOG, reached)


def read_note(text: str) -> Note | None:
    """Return the note in a commit's metadata; None where it holds none (not every broker keeps metadata)."""
    match = _NOTE.fullmatch(text)
    return None if match is None else Note(match[1], match[2], int(match[3]))

"""What a scorer notes beside each committed offset: which topic it means, and how far its changelog had come."""

import re
from typing import Final, NamedTuple

_NOTE: Final = re.compile(r"([^:]+):([^:]+):(\d{1,18})")


class Note(NamedTuple):
    """The note of one committed offset.

    `topic` and `changelog` are incarnations; `changelog_next` is the offset after the last profile that was written to
    the changelog of the same partition.
    """

    topic: str
    changelog: str
    changelog_next: int


def note(topic_incarnation: str, changelog_incarnation: str, changelog_next: int) -> str:
    """Return the metadata of a commit."""
    return f"{topic_incarnation}:{changelog_incarnation}:{changelog_next}"


def read_note(text: str) -> Note | None:
    """Return the note in a commit's metadata; None where it holds none (not every broker keeps metadata)."""
    match = _NOTE.fullmatch(text)
    return None if match is None else Note(match[1], match[2], int(match[3]))

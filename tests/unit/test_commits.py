"""The note beside a committed offset."""

import pytest

from streams.kafka.commits import Note, note, read_note


def test_a_note_is_read_as_it_was_written() -> None:
    assert note("1a2b3c4d", "55667788", 1042) == "1a2b3c4d:55667788:1042"
    assert read_note("1a2b3c4d:55667788:1042") == Note("1a2b3c4d", "55667788", 1042)


@pytest.mark.parametrize("text", ["", "1a2b", "a:b:c", "a:b:-1", "a:b:1:2", "a:b:1 "])
def test_other_metadata_is_no_note(text: str) -> None:
    assert read_note(text) is None

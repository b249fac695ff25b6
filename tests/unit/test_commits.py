"""What is noted beside an offset can be read again, and nothing else is taken for a note."""

import pytest
from hypothesis import given, strategies as st

from streams.kafka.commits import Note, note, read_note

INCARNATIONS = st.text("0123456789abcdef", min_size=1, max_size=16) | st.just("-")


@given(INCARNATIONS, INCARNATIONS, st.integers(0, 10**18 - 1))
def test_a_note_is_read_as_it_was_written(topic: str, changelog: str, changelog_next: int) -> None:
    assert read_note(note(topic, changelog, changelog_next)) == Note(topic, changelog, changelog_next)


@pytest.mark.parametrize("text", ["", "a", "a:b", "a:b:", "a:b:-1", "a:b:1:2", "a:b:c", "{}", "a:b:1 "])
def test_what_somebody_else_noted_is_no_note(text: str) -> None:
    assert read_note(text) is None

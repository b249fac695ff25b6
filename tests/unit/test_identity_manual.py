"""docs/identity.md is run: its events are folded, and what is printed must be what the page says."""

from pathlib import Path

from tests.support.manual import follow


def test_the_page_is_true(tmp_path: Path) -> None:
    assert follow("identity.md", tmp_path) == 2

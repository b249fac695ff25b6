"""docs/rules.md is run: its files are written, its commands executed, and what they print must be what the page says."""

from pathlib import Path

from tests.support.manual import follow


def test_the_page_is_true(tmp_path: Path) -> None:
    assert follow("rules.md", tmp_path) >= 8

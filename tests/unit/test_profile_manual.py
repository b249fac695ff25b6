"""docs/profile.md says of RFM cells what the code says."""

import re
from pathlib import Path

from agents.pages.rfm import group_of

PAGE = Path(__file__).parents[2] / "docs" / "profile.md"


def test_the_table_of_groups_is_that_of_the_code() -> None:
    rows = re.findall(r"^\| ([1-5]) \| (.+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    said = {f"{recency}{mean}{mean}": word for recency, words in rows for mean, word in enumerate(words.split(" | "), 1)}
    assert len(said) == 25
    assert said == {cell: group_of(cell) for cell in said}

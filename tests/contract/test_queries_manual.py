"""The library documents itself: heads of files, docs/queries.md, `warmth query`."""

from datetime import date
from pathlib import Path

import pytest

from agents.pages.queries import manual, markdown
from core.rules import compile_rules
from core.times import DAY
from sinks.queries import arguments, read_queries
from streams.rules_files import read_rule_set
from streams.settings import RULES_DIR
from tests.contract.regenerate import QUERIES

KNOWN = read_queries()
TODAY = date(2026, 11, 22)
HEAD = "-- Purpose of it.\n-- For: sales\n-- Cost: 0.10 s, 3 MiB\n"


def test_the_page_is_written_from_the_files() -> None:
    assert QUERIES.read_text(encoding="utf-8") == markdown(KNOWN.values()), "run: python -m tests.contract.regenerate"


@pytest.mark.parametrize("query", KNOWN.values(), ids=KNOWN)
def test_a_manual_names_everything(query) -> None:
    text = manual(query)
    assert all(parameter.meaning in text for parameter in query.parameters)
    assert all(meaning in text for meaning in query.columns.values())
    assert query.select in text


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("-- Purpose.\n-- Cost: 0.10 s, 3 MiB\nSELECT 1", "For"),
        ("-- Purpose.\n-- For: finance\n-- Cost: 0.10 s, 3 MiB\nSELECT 1", "marketing, sales, service"),
        ("-- Purpose.\n-- For: sales\nSELECT 1", "is missing"),
        (HEAD + "-- Parameter days\nSELECT 1", "neither For"),
    ],
)
def test_a_file_that_is_not_documented_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "one.sql").write_text(text)
    with pytest.raises(ValueError, match=complaint):
        read_queries(tmp_path)


def test_what_is_said_is_sent_and_the_rest_is_the_default() -> None:
    assert arguments(KNOWN["rfm_moves"], {"days": "7"}, TODAY) == {"days": "7", "as_of": "2026-11-22"}
    assert arguments(KNOWN["segment_overlap"], {"segments": "['a', 'b']"}, TODAY) == {"segments": ["a", "b"]}


@pytest.mark.parametrize(
    ("name", "said", "complaint"),
    [
        ("rfm_moves", {"day": "7"}, "rfm_moves has no parameter 'day'; it takes as_of, days"),
        ("segment_sizes", {"day": "7"}, "it takes none"),
        ("members_on", {}, "members_on needs segment"),
        ("segment_overlap", {"segments": "a"}, "segments is a list, such as"),
        ("segment_overlap", {"segments": "[a"}, "segments is a list, such as"),
        ("segment_overlap", {"segments": "[a]"}, "segments is a list, such as"),
    ],
)
def test_what_can_not_be_sent_is_said(name: str, said: dict[str, str], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint.replace("'", ".")):
        arguments(KNOWN[name], said, TODAY)


def test_defaults_are_those_of_the_shipped_rules() -> None:
    rules = read_rule_set(RULES_DIR)
    engagement = rules.scores["engagement"]
    bands = {band.name: band.floor for band in engagement.bands}
    asked = arguments(KNOWN["about_to_cool"], {}, TODAY)
    assert dict(zip(asked["bands"], asked["floors"], strict=True)) == {name: bands[name] for name in ("warm", "hot")}
    assert float(asked["hysteresis"]) == engagement.hysteresis
    half_life = compile_rules(rules).scales["engagement"].half_life
    assert half_life is not None
    for query in KNOWN.values():
        found = [parameter.default for parameter in query.parameters if parameter.name == "half_life_days"]
        assert all(float(default or 0) * DAY == half_life for default in found)

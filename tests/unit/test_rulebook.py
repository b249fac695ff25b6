"""What is published holds from then on; what can not be used is refused whole, and what held before stays."""

import logging
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from agents.operations.past import Past
from agents.rulebook import FOLLOWED, Rulebook, compiled
from core.rules import compile_rules
from streams.kafka.compacted import Entry
from streams.kafka.topics import PARAMETERS, RULES
from streams.rules_files import RulesError
from streams.rules_published import RulesVersion, decode_version, read_version
from streams.settings import RULES_DIR, StreamSettings
from tests.unit.test_value_model import a_document

SETTINGS = StreamSettings()


def a_version(number: int, **changes: Any) -> RulesVersion:
    said = read_version(RULES_DIR)
    return said.model_copy(update={"rules": said.rules.model_copy(update={"version": number, **changes})})


def encoded(version: RulesVersion) -> bytes:
    return version.model_dump_json(by_alias=True, exclude_none=True).encode()


def published(version: RulesVersion, offset: int = 0) -> Entry:
    return Entry(RULES, offset, b"key", encoded(version))


def test_rules_judge_the_same_once_they_were_published() -> None:
    said = read_version(RULES_DIR)
    again = decode_version(encoded(said))
    assert again == said
    assert compile_rules(again.rules).judgement == compile_rules(said.rules).judgement


def test_plan_and_networks_are_published_with_the_rules(tmp_path: Path) -> None:
    shutil.copytree(RULES_DIR, tmp_path / "rules")
    (tmp_path / "rules" / "traffic.yaml").write_text("internal: [192.0.2.0/24, '2001:db8::/32']\n")
    said = read_version(tmp_path / "rules")
    again = decode_version(encoded(said))
    assert again == said
    assert [str(network) for network in again.internal] == ["192.0.2.0/24", "2001:db8::/32"]
    assert again.plan == said.plan


def test_the_folder_holds_until_something_is_published() -> None:
    book = Rulebook(SETTINGS)
    before = book.present.rules
    assert before.version == 1
    assert book.take(published(a_version(4, rules=[])))
    assert (book.present.rules.version, book.present.rules.by_event) == (4, {})
    assert book.present.rules.judgement != before.judgement


def test_an_older_version_and_a_second_one_of_the_same_number_are_left_out(caplog: pytest.LogCaptureFixture) -> None:
    book = Rulebook(SETTINGS)
    assert book.take(published(a_version(4, rules=[])))
    with caplog.at_level(logging.WARNING):
        assert not book.take(published(a_version(4)))
        assert not book.take(published(a_version(3)))
    assert "version 3 of the rules is left out: 4 holds" in caplog.text
    assert book.present.rules.by_event == {}


@pytest.mark.parametrize(
    ("topic", "value", "said"),
    [
        (RULES, b"{", "warmth-rules"),
        (RULES, b'{"published_at": "2026-11-22T00:00:00Z"}', "rules: Field required"),
        (PARAMETERS, b'{"version": 1}', "warmth-parameters: fitted_at"),
    ],
)
def test_what_can_not_be_used_changes_nothing(topic: str, value: bytes, said: str, caplog: pytest.LogCaptureFixture) -> None:
    book = Rulebook(SETTINGS)
    before = book.present
    with caplog.at_level(logging.WARNING):
        assert not book.take(Entry(topic, 0, b"value", value))
    assert said in caplog.text
    assert "what held before stays" in caplog.text
    assert book.present is before


def test_a_segment_that_names_no_fact_is_refused() -> None:
    document = orjson.loads(encoded(read_version(RULES_DIR)))
    document["rules"]["segments"]["odd"] = {"where": {"no.such.fact": 1}}
    with pytest.raises(RulesError, match=r"warmth-rules: segment odd: no fact is called 'no.such.fact'"):
        decode_version(orjson.dumps(document))


def test_parameters_make_other_rules_of_the_same() -> None:
    book = Rulebook(SETTINGS)
    before = book.present.rules
    assert book.take(Entry(PARAMETERS, 0, b"value", orjson.dumps(a_document())))
    assert (book.present.rules.version, before.value_model) == (before.version, None)
    assert book.present.rules.value_model is not None
    assert book.present.rules.judgement != before.judgement
    assert set(FOLLOWED) == {RULES, PARAMETERS}


def test_the_past_was_judged_by_the_rules_of_its_time() -> None:
    present = compiled(a_version(5), SETTINGS)
    past = Past(SETTINGS, [a_version(4, rules=[]), a_version(5)], present)
    assert [past.at(number).rules.version for number in (0, 1, 4, 5)] == [1, 1, 4, 5]
    assert past.at(4).rules.by_event == {}
    assert past.at(5).rules.judgement == present.rules.judgement
    assert past.at(4) is past.at(4)


def test_a_version_tells_when_it_was_published() -> None:
    assert read_version(RULES_DIR).published_at <= datetime.now(UTC)

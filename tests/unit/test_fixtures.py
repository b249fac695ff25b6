"""Examples of rules, run without Kafka: what holds, what differs, and what is no example."""

from pathlib import Path

import pytest

from agents.operations.fixtures import Result, run_fixtures
from agents.rulebook import compiled
from streams.rules_files import RulesError
from streams.rules_published import read_version
from streams.settings import RULES_DIR, StreamSettings

GIVEN = "- name: one\n  given: [{type: app_opened}]\n"


def run(folder: Path, text: str) -> list[Result]:
    (folder / "fixtures").mkdir(exist_ok=True)
    (folder / "fixtures" / "some.yaml").write_text(text, encoding="utf-8")
    return run_fixtures(folder, compiled(read_version(RULES_DIR), StreamSettings()))


def differences(folder: Path, text: str) -> list[str]:
    (result,) = run(folder, text)
    return result.differences


def test_the_shipped_fixtures_hold() -> None:
    results = run_fixtures(RULES_DIR, compiled(read_version(RULES_DIR), StreamSettings()))
    assert len(results) >= 10
    assert [result for result in results if result.differences] == []


HOLD = [
    "expect: {}",
    "expect: {scores: {engagement: {value: 5, band: cold}}, grade: B3, changes: []}",
    "expect: {contributions: [{rule: opened_app, points: 5}]}",
    "expect: {scores: {engagement: {value: 5.004}}}",
]


@pytest.mark.parametrize("expect", HOLD)
def test_what_is_left_out_may_be_anything(tmp_path: Path, expect: str) -> None:
    assert differences(tmp_path, f"{GIVEN}  {expect}\n") == []


DIFFER = [
    ("scores: {engagement: {value: 6}}", "scores.engagement.value: expected 6, is 5"),
    ("scores: {engagement: {band: hot}}", "scores.engagement.band: expected hot, is cold"),
    ("scores: {fame: {value: 1}}", 'scores.fame: expected {"value":1}, is None'),
    ("grade: A1", "grade: expected A1, is B3"),
    ("changes: [{score: engagement}]", 'changes: expected [{"score":"engagement"}], is []'),
    ("contributions: [{rule: opened_app, points: 4}]", "contributions.0.points: expected 4, is 5"),
    ("contributions: [{rule: opened}]", "contributions.0.rule: expected opened, is opened_app"),
]


@pytest.mark.parametrize(("expect", "says"), DIFFER)
def test_what_differs_is_said_by_path(tmp_path: Path, expect: str, says: str) -> None:
    assert differences(tmp_path, f"{GIVEN}  expect: {{{expect}}}\n") == [says]


REFUSED = [
    ("{type: page_closed}", "given.0: type 'page_closed' is no event; see docs/events.md"),
    ("{type: page_viewed}", "given.0: is not accepted: page: Field required"),
    ("{type: app_opened, occurred_at: yesterday}", "given.0: is not accepted: occurred_at: Value error, must be an RFC"),
    ("{type: app_opened, event_id: e}, {type: app_opened, event_id: e}", "given.1: is not accepted: duplicate_event"),
]


@pytest.mark.parametrize(("given", "says"), REFUSED)
def test_an_event_that_is_not_accepted_is_said(tmp_path: Path, given: str, says: str) -> None:
    (difference,) = differences(tmp_path, f"- name: one\n  given: [{given}]\n  expect: {{}}\n")
    assert difference.startswith(says)


def test_a_fixture_says_its_file_line_and_name(tmp_path: Path) -> None:
    text = f"# examples\n{GIVEN}  expect: {{grade: A1}}\n- name: two\n  given: [{{type: app_opened}}]\n  expect: {{}}\n"
    assert [(result.file, result.line, result.name) for result in run(tmp_path, text)] == [
        ("fixtures/some.yaml", 2, "one"),
        ("fixtures/some.yaml", 5, "two"),
    ]


def test_events_may_say_who_when_and_where(tmp_path: Path) -> None:
    given = "{topic: purchase, type: order_completed, customer_id: c-7, order_id: o, total: 150, currency: RUB,"
    text = f"- name: one\n  given: [{given} occurred_at: 2026-12-01T10:00:00Z}}]\n"
    assert differences(tmp_path, f"{text}  expect: {{scores: {{engagement: {{value: 8}}}}}}\n") == []


WRONG = [
    ("", r"^some\.yaml: must be a list of fixtures"),
    ("name: one\n", r"^some\.yaml: must be a list of fixtures"),
    ("- one\n", r"^some\.yaml, line 1: fixture: "),
    (GIVEN, r"^some\.yaml, line 1: expect: Field required"),
    (f"{GIVEN}  expect: {{score: 5}}\n", r"^some\.yaml, line 3: expect\.score: is no field here; did you mean"),
    ("- name: one\n  given: []\n  expect: {}\n", r"^some\.yaml, line 2: given: List should have at least 1 item"),
    ("- name: [\n", r"^some\.yaml, line \d: "),
    ("- \x07\n", r"^some\.yaml: "),
]


@pytest.mark.parametrize(("text", "says"), WRONG)
def test_what_is_no_fixture_is_said_with_its_line(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(RulesError, match=says):
        run(tmp_path, text)


def test_a_folder_without_fixtures_is_named(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match=r"fixtures: holds no \*\.yaml"):
        run_fixtures(tmp_path, compiled(read_version(RULES_DIR), StreamSettings()))


def test_a_fixture_tells_of_one_customer(tmp_path: Path) -> None:
    two = "- name: two\n  given: [{type: app_opened}, {type: app_opened, customer_id: another}]\n  expect: {}\n"
    assert differences(tmp_path, two) == ["given: is of 'customer' and of 'another'; a fixture tells of one customer"]


def test_what_only_yaml_can_say_is_judged_by_the_contract(tmp_path: Path) -> None:
    bytes_ = "- name: bytes\n  given: [{type: app_opened, customer_id: !!binary aGFsbG8=}]\n  expect: {}\n"
    assert differences(tmp_path, bytes_) == []
    large = f"- name: large\n  given: [{{type: app_opened, customer_id: {2**70}}}]\n  expect: {{}}\n"
    assert differences(tmp_path, large) == []
    (tmp_path / "fixtures" / "more.yml").write_text("", encoding="utf-8")
    with pytest.raises(RulesError, match=r"more\.yml: is not read"):
        differences(tmp_path, bytes_)

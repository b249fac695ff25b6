"""Rules as files: what is shipped can be read, and what can not be read is said in one line that says where."""

import re
from pathlib import Path

import pytest

from core.rules import CompiledRules
from streams.rules_files import RulesError, read_plan, read_rules
from streams.settings import RULES_DIR

SCORES = """\
version: 1
scores:
  engagement:
    bands:
      - {name: cold, from: 0}
"""
RULE = """\
rules:
  - id: bought
    score: engagement
    event: order_completed
    points: 5
"""


def written(folder: Path, **files: str) -> Path:
    for name, text in {"scores": SCORES, **files}.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


def refusal(folder: Path, **files: str) -> str:
    with pytest.raises(RulesError) as refused:
        read_rules(written(folder, **files))
    message = str(refused.value)
    assert "\n" not in message
    return message


def without_line(message: str) -> str:
    return re.sub(r", line \d+(?=, rule)", "", message)


def test_the_shipped_rules_and_plan_can_be_read() -> None:
    rules = read_rules(RULES_DIR)
    assert rules.scales.keys() == {"engagement", "fit"}
    assert {"page_viewed", "receipt_issued", "ticket_rated"} <= rules.by_event.keys()
    assert rules.on_traits
    assert read_plan(RULES_DIR)["video_watched"] == {"video_id", "watched_secs"}


def test_the_rules_of_all_files_are_one_set_and_the_plan_is_none_of_them(tmp_path: Path) -> None:
    more = RULE.replace("bought", "browsed").replace("order_completed", "page_viewed")
    folder = written(tmp_path, purchases=RULE, site=more, nothing="rules:\n", tracking_plan="events: {seen: [what]}\n")
    rules = read_rules(folder)
    assert isinstance(rules, CompiledRules)
    assert {event: rule.id for event, (rule,) in rules.by_event.items()} == {
        "order_completed": "bought",
        "page_viewed": "browsed",
    }


@pytest.mark.parametrize("name", ["missing", "."])
def test_a_folder_without_rules_is_named_with_its_setting(tmp_path: Path, name: str) -> None:
    with pytest.raises(RulesError, match="WARMTH_RULES_DIR") as refused:
        read_rules(tmp_path / name)
    assert str(refused.value).startswith(f"{tmp_path / name}: holds no *.yaml")


def test_broken_yaml_is_located_by_file_and_line(tmp_path: Path) -> None:
    broken = RULE + "  - id: [unclosed\n    score: engagement\n"
    assert refusal(tmp_path, purchases=broken).startswith("purchases.yaml, line 7: ")


@pytest.mark.parametrize(
    ("line", "wrong", "field"),
    [
        ("points: 5", "points: five", "points"),
        ("points: 5", "points: 5000", "points"),
        ("points: 5", "points: 5\n    worth: 5", "worth"),
        ("score: engagement", "scores: engagement", "score"),
    ],
)
def test_a_wrong_field_is_located_by_file_rule_and_path(tmp_path: Path, line: str, wrong: str, field: str) -> None:
    message = refusal(tmp_path, purchases=RULE.replace(line, wrong))
    assert without_line(message).startswith(f"purchases.yaml, rule bought: {field}: ")


def test_a_rule_without_an_id_and_one_that_is_none_are_located_by_their_file(tmp_path: Path) -> None:
    assert without_line(refusal(tmp_path, purchases=RULE.replace("id: bought", "why: x"))).startswith(
        "purchases.yaml, rule ?: id: "
    )
    assert without_line(refusal(tmp_path, purchases="rules: [bought]\n")).startswith("purchases.yaml, rule ?: ")


WRONG_NAMES = [
    ("score: engagement", "score: fame", "no score is called 'fame'"),
    ("event: order_completed", "event: ordered", "no event type is called 'ordered'"),
]


@pytest.mark.parametrize(("line", "wrong", "says"), WRONG_NAMES)
def test_a_name_that_nothing_has_is_said_with_its_rule(tmp_path: Path, line: str, wrong: str, says: str) -> None:
    message = refusal(tmp_path, purchases=RULE.replace(line, wrong))
    assert "rule bought" in message
    assert says in message


@pytest.mark.parametrize(("line", "wrong", "says"), WRONG_NAMES)
def test_a_name_that_nothing_has_is_located_by_file(tmp_path: Path, line: str, wrong: str, says: str) -> None:
    message = refusal(tmp_path, purchases=RULE.replace(line, wrong))
    assert message.startswith("purchases.yaml")
    assert says in message


def test_a_wrong_field_is_located_by_line(tmp_path: Path) -> None:
    assert "line 5" in refusal(tmp_path, purchases=RULE.replace("points: 5", "points: five"))


def test_an_id_that_stands_twice_is_named(tmp_path: Path) -> None:
    assert "rule ids stand twice: bought" in refusal(tmp_path, purchases=RULE, more=RULE)


def test_a_missing_part_of_the_whole_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path, scores=SCORES.replace("version: 1\n", "")).endswith(": version: Field required")
    assert "scores.engagement.bands" in refusal(tmp_path, scores=SCORES.replace("- {name: cold, from: 0}", ""))


@pytest.mark.parametrize("text", ["", "- a\n", "words\n", "5\n"])
def test_a_file_must_be_a_mapping(tmp_path: Path, text: str) -> None:
    assert refusal(tmp_path, purchases=text).startswith("purchases.yaml: must be a mapping")


@pytest.mark.parametrize("rules", ["5", "true", "bought", "{id: bought}"])
def test_rules_that_are_no_list_are_located_by_file_and_field(tmp_path: Path, rules: str) -> None:
    assert refusal(tmp_path, purchases=f"rules: {rules}\n").startswith("purchases.yaml, line 1: rules: ")


def test_a_file_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    folder = written(tmp_path)
    (folder / "purchases.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(RulesError, match=r"^purchases\.yaml: .*can't decode byte"):
        read_rules(folder)


def test_a_character_that_yaml_does_not_take_is_said_in_one_line(tmp_path: Path) -> None:
    assert refusal(tmp_path, purchases="rules: \x07\n").startswith("purchases.yaml")


def test_without_a_plan_nothing_is_declared(tmp_path: Path) -> None:
    assert read_plan(tmp_path) == {}
    assert read_plan(written(tmp_path, tracking_plan="events:\n")) == {}


def test_names_in_a_plan_are_texts_whatever_yaml_makes_of_them(tmp_path: Path) -> None:
    assert read_plan(written(tmp_path, tracking_plan="events: {2026: [1, yes]}\n")) == {"2026": {"1", "True"}}


@pytest.mark.parametrize("events", ["[seen]", "{seen: what}", "{seen: {what: 1}}", "5"])
def test_a_plan_of_another_shape_is_located_by_file_and_field(tmp_path: Path, events: str) -> None:
    with pytest.raises(RulesError, match=r"^tracking_plan\.yaml: events: "):
        read_plan(written(tmp_path, tracking_plan=f"events: {events}\n"))

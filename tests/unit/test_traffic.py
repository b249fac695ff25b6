"""Bots and our own people: stored, never scored."""

from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from core.outcomes import Accepted, Dropped
from core.state import FORMAT, State
from core.traffic import Traffic
from streams.rules_files import RulesError
from streams.traffic_files import read_traffic
from tests.factories import a_consent_given, a_page_viewed, a_product_added, a_receipt
from tests.unit.pipeline import Pipeline, admitted, compiled

BOT = "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)"
PERSON = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
TRAFFIC = Traffic(["YandexBot", r"Googlebot\/"], [ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")])

CLIENTS = [
    (None, ""),
    ({}, ""),
    ({"user_agent": PERSON, "ip": "198.51.100.7"}, ""),
    ({"user_agent": BOT}, "bot"),
    ({"user_agent": BOT, "ip": "192.0.2.7"}, "bot"),
    ({"user_agent": PERSON, "ip": "192.0.2.7"}, "internal"),
    ({"ip": "2001:db8::7"}, "internal"),
    ({"ip": "192.0.2.x"}, ""),
]


@pytest.mark.parametrize(("context", "whose"), CLIENTS)
def test_whose_an_event_is(context: dict[str, str] | None, whose: str) -> None:
    event = admitted(a_product_added(**({} if context is None else {"context": context}))).event
    assert TRAFFIC.of(event) == whose


def test_without_lists_everybody_is_a_customer() -> None:
    event = admitted(a_product_added(context={"user_agent": BOT, "ip": "192.0.2.7"})).event
    assert Traffic((), ()).of(event) == ""


def of_a_bot(**changes: Any) -> dict[str, Any]:
    return a_product_added(context={"user_agent": BOT}, **changes)


def test_an_event_of_a_bot_is_stored_and_changes_nothing_but_what_keeps_it_from_being_stored_twice() -> None:
    pipeline = Pipeline(compiled(), traffic=TRAFFIC)
    outcome = pipeline.feed(of_a_bot(event_id="e-1"))
    assert isinstance(outcome, Accepted)
    row = outcome.row
    assert (row["traffic"], row["customer_id"], row["scores"], row["contributions.rule"]) == ("bot", "c-1", {}, [])
    state = pipeline.profiles["c-1"]
    same = ("applied", "recent", "recent_since", "judged_by")
    assert State(1, FORMAT, **{name: getattr(state, name) for name in same}) == state
    assert isinstance(pipeline.feed(of_a_bot(event_id="e-1")), Dropped)


def test_a_customer_goes_on_beside_a_bot_with_the_same_key() -> None:
    pipeline = Pipeline(compiled(), traffic=TRAFFIC)
    pipeline.feed(of_a_bot())
    outcome = pipeline.feed(a_product_added(context={"user_agent": PERSON}))
    assert isinstance(outcome, Accepted)
    assert "traffic" not in outcome.row
    assert outcome.row["scores"]["engagement"] == 25.0
    assert outcome.row["seq"] == 2


@pytest.mark.parametrize("event", [a_receipt, a_consent_given])
def test_only_the_site_is_visited_by_bots(event: Any) -> None:
    outcome = Pipeline(compiled(), traffic=TRAFFIC).feed(event(context={"user_agent": BOT, "ip": "192.0.2.7"}))
    assert isinstance(outcome, Accepted)
    assert "traffic" not in outcome.row


def test_bots_are_known_by_the_public_list_and_our_people_by_the_file(tmp_path: Path) -> None:
    (tmp_path / "traffic.yaml").write_text("internal: [192.0.2.0/24, 198.51.100.7]\n")
    traffic = read_traffic(tmp_path)
    whose = [traffic.of(admitted(a_page_viewed(context=context)).event) for context in (
        {"user_agent": BOT}, {"user_agent": PERSON}, {"ip": "192.0.2.1"}, {"ip": "198.51.100.7"}, {"ip": "198.51.100.8"},
    )]  # fmt: skip
    assert whose == ["bot", "", "internal", "internal", ""]


@pytest.mark.parametrize("text", [None, "", "internal:\n", "internal: []\n"])
def test_without_own_addresses_nobody_is_internal(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "traffic.yaml").write_text(text)
    assert read_traffic(tmp_path).of(admitted(a_page_viewed(context={"ip": "192.0.2.1"})).event) == ""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("internal:\n  - 192.0.2.0/24\n  - 192.0.2.7/24\n", r"^traffic\.yaml, line 3: internal\.1: .*has host bits set"),
        ("internal: [here]\n", r"^traffic\.yaml, line 1: internal\.0: 'here'"),
        ("internal: here\n", r"^traffic\.yaml, line 1: internal: must be a list"),
        ("[here]\n", r"^traffic\.yaml: must be a mapping"),
        ("bots: []\n", r"^traffic\.yaml, line 1: bots: is no field here"),
        ("internal: [\n", r"^traffic\.yaml, line \d: "),
        ("internal: \x07\n", r"^traffic\.yaml: "),
    ],
)
def test_a_file_of_another_shape_is_refused_with_its_line(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "traffic.yaml").write_text(text)
    with pytest.raises(RulesError, match=says):
        read_traffic(tmp_path)

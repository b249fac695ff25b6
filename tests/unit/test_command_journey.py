"""Records of `warmth-command`: each is done once, where it belongs, and what is none is a dead letter."""

from typing import Any

import pytest
from msgspec import structs

from core.command_journey import CommandJourney
from core.commands import Cause, Command, decode, encode
from core.joining import put_in
from core.moment import Moment
from core.outcomes import Applied, Outcome, Rejected, Replayed
from core.records import Source
from core.rules import CompiledRules
from core.state import State, new
from core.times import HOUR
from schemas.reasons import ReasonCode
from streams.kafka.topics import COMMANDS
from tests import factories as make
from tests.unit.pipeline import BATCH, COMPILED, NOW, SEGMENTED, SETTINGS, T0, ARecord, Memory, Pipeline, at

CAUSE = Cause("e-1", "customers_merged", T0 + HOUR, "c-1", "c-2")


class Commands:
    """One partition of profiles, and the commands that it gets.

    Args:
        profiles: What it has.
        rules: What it judges by.
        settings: What differs from the usual.
    """

    def __init__(self, profiles: dict[str, State] | None = None, rules: CompiledRules = COMPILED, **settings: Any) -> None:
        self.profiles = Memory(profiles or {})
        self._journey = CommandJourney(rules, SETTINGS._replace(**settings))

    def take(self, value: bytes, offset: int = 0) -> Outcome:
        source = Source(COMMANDS, "i1", 0)
        return self._journey.advance(source, ARecord(offset, value), self.profiles, Moment(NOW, BATCH, 0))[0]


def a_command(do: Any = "absorb", key: str = "c-1", peer: str = "c-2", **fields: Any) -> Command:
    return Command(do, key, peer, CAUSE, **fields)


def a_profile(key: str, *events: make.Event) -> State:
    return Pipeline().feed_all([{**event, "customer_id": key} for event in events], key)


def test_a_command_is_the_same_after_a_journey() -> None:
    command = a_command(profile=a_profile("c-2", make.a_product_added()), through=("c-3",), kind="card")
    assert decode(encode(command)) == command


@pytest.mark.parametrize("value", [b"", b"{}", b'{"do":"dance","key":"c-1","peer":"c-2"}', b"\xff"])
def test_what_is_no_command_is_a_dead_letter(value: bytes) -> None:
    outcome = Commands().take(value)
    assert isinstance(outcome, Rejected)
    assert outcome.reason == ReasonCode.INVALID_FIELD
    assert outcome.detail.startswith("command: ")


def test_a_command_of_another_partition_is_a_dead_letter() -> None:
    outcome = Commands(partition_of=lambda _: 3).take(encode(a_command("meet")))
    assert isinstance(outcome, Rejected)
    assert outcome.reason == ReasonCode.WRONG_PARTITION


def test_a_command_is_done_once() -> None:
    commands = Commands()
    command = encode(a_command(profile=a_profile("c-2", make.a_product_added())))
    assert isinstance(commands.take(command), Applied)
    points = commands.profiles["c-1"].scores["engagement"].value
    assert isinstance(commands.take(command), Replayed)
    assert commands.profiles["c-1"].scores["engagement"].value == points


@pytest.mark.parametrize("do", ["absorb", "restore"])
def test_without_a_profile_nothing_comes_of_it(do: str) -> None:
    commands = Commands()
    outcome = commands.take(encode(a_command(do)))
    assert isinstance(outcome, Applied)
    assert (outcome.row, outcome.commands) == ({}, [])


@pytest.mark.parametrize("do", ["absorb", "restore"])
def test_what_was_on_its_way_is_judged_by_the_rules_of_here(do: str) -> None:
    viewed = [make.a_product_viewed(product=make.a_product(category="shoes"), **at(n * HOUR)) for n in range(3)]
    commands = Commands(rules=SEGMENTED)
    outcome = commands.take(encode(a_command(do, profile=a_profile("c-2", *viewed))))
    assert isinstance(outcome, Applied)
    assert outcome.row["rules_version"] == SEGMENTED.version
    assert commands.profiles["c-1"].judged_by == SEGMENTED.judgement


def test_what_comes_back_goes_on_to_where_its_profile_has_gone_meanwhile() -> None:
    gone = new(COMPILED.judgement)
    gone.merged_into, gone.apart = "c-0", {CAUSE.pair: CAUSE.at}
    commands = Commands({"c-2": gone})
    profile = a_profile("c-2", make.a_product_added())
    outcome = commands.take(encode(a_command("restore", "c-2", "c-1", profile=profile)))
    assert isinstance(outcome, Applied)
    assert [(asked.do, asked.key, asked.peer) for asked in outcome.commands] == [("absorb", "c-0", "c-2")]
    assert commands.profiles["c-2"].merged_into == "c-0"


def test_what_was_folded_meanwhile_is_united_with_what_comes_back() -> None:
    commands = Commands({"c-2": a_profile("c-2", make.a_page_viewed(event_id="new"))})
    back = a_profile("c-2", make.a_page_viewed(event_id="old"))
    for offset in range(2):
        commands.take(encode(a_command("restore", "c-2", "c-1", profile=back)), offset)
        back = new(COMPILED.judgement)
    assert commands.profiles["c-2"].page_views == 2


def test_a_profile_that_holds_what_another_holds_is_the_other() -> None:
    state, other = new(), a_profile("c-2", make.a_product_added())
    put_in(state, other)
    assert structs.asdict(state) == structs.asdict(other)


def test_newer_rules_say_nothing_of_somebody_blocked_who_is_asked() -> None:
    profile = a_profile("c-1", make.a_product_added(), make.a_processing_blocked(**at(HOUR)))
    commands = Commands({"c-1": profile}, SEGMENTED)
    outcome = commands.take(encode(a_command("meet", "c-1", "c-9")))
    assert isinstance(outcome, Applied)
    assert (outcome.adopted, commands.profiles["c-1"].judged_by) == (None, COMPILED.judgement)

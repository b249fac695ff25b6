"""Events that ClickHouse has kept are folded again as they were folded at first."""

from typing import Any

import orjson
import pytest

from core.history import Past, Rereader
from core.outcomes import Accepted
from core.state import State
from core.times import DAY, MILLISECOND
from core.trial import Trial
from tests import factories as make
from tests.reference.generator import records
from tests.unit.pipeline import NOW, PLAN, SEGMENTED, SETTINGS, T0, TOPIC_OF, ARecord, Pipeline, admitted

REREADER = Rereader()
NOT_FOLDED_AGAIN = {"seq", "due", "looked_at", "told_at", "applied", "recent", "recent_older", "recent_since"}
NOT_FOLDED_AGAIN |= {"claimed", "links"}
"""What belongs to the scorer's own course: offsets, ids that it knows again, when it looked, whose ids are whose."""


def kept(value: Any) -> Any:
    """Return a payload as a JSON column keeps it: without empty objects."""
    if not isinstance(value, dict):
        return value
    inner = {name: kept(part) for name, part in value.items()}
    return {name: part for name, part in inner.items() if part != {}}


def past(row: dict[str, Any], received_at: int, occurred_at: int) -> Past:
    return Past(
        row["type"],
        occurred_at // MILLISECOND,
        received_at // MILLISECOND,
        row["customer_id"] or "",
        row["anonymous_id"] or "",
        row["source"],
        orjson.dumps(kept(row["properties"])).decode(),
    )


def of(event: make.Event) -> Past:
    """Return what table `events` keeps of an event."""
    whole = admitted(event)
    row = {name: getattr(whole.event, name) for name in ("customer_id", "anonymous_id")}
    row |= {"type": whole.type, "source": whole.source, "properties": whole.kept}
    return past(row, whole.received_at, whole.occurred_at)


def facts(state: State) -> dict[str, Any]:
    folded = {name: getattr(state, name) for name in state.__struct_fields__ if name not in NOT_FOLDED_AGAIN}
    return folded | {"traits": {name: (trait.value, trait.at) for name, trait in state.traits.items()}}


def test_profiles_of_a_workload_are_what_they_were() -> None:
    pipeline, happened = Pipeline(SEGMENTED), {}
    for number, (topic, key, value, timestamp) in enumerate(records(seed=11, events=4_000, customers=80)):
        outcome, _ = pipeline.advance(topic, ARecord(number, value, key, timestamp))
        if isinstance(outcome, Accepted) and "traffic" not in outcome.row:
            whole = pipeline._journeys[topic]._admission.admit(value, timestamp * MILLISECOND)
            happened.setdefault(outcome.key, []).append(past(outcome.row, whole.received_at, whole.occurred_at))
    assert len(happened) > 60
    trial = Trial(SEGMENTED, SETTINGS._replace(plan=PLAN), 0, 0)
    for key, rows in happened.items():
        trial.begin(key)
        for row in rows:
            topic, again = REREADER.read(row._replace(received_at=0))  # no time passes in between, nor did it there
            trial.fold(topic, again)
        assert facts(trial.end().state) == facts(pipeline.profiles[key]), key


@pytest.mark.parametrize(
    "event",
    [
        make.an_event("identity_linked", id_type="card", id_value="4000", customer_id="c-1"),
        make.a_leaving_answer(reason="other", comment="it came to that"),
        make.a_content_commented(text="nice"),
        make.a_customer_identified(),
    ],
    ids=lambda event: event["type"],
)
def test_what_names_a_person_is_not_missed(event: make.Event) -> None:
    topic, again = REREADER.read(of(event))
    assert (topic, again.type) == (TOPIC_OF[event["type"]], event["type"])
    assert again.kept == kept(admitted(event).kept)
    assert again.event.customer_id == event.get("customer_id")


def test_traits_that_were_all_identifying_are_traits_still() -> None:
    _, again = REREADER.read(of(make.a_traits_changed(traits={"name": "Anna"})))
    assert again.kept == {"traits": {}}
    assert again.event.traits.role is None


@pytest.mark.parametrize("text", ["2027-01-01T00:00:00Z", "2027-01-01 00:00:00", "2027-01-01 00:00:00.000000000"])
def test_an_instant_within_an_event_is_in_utc_where_it_does_not_say(text: str) -> None:
    row = of(make.a_consent_given(valid_until="2027-01-01T00:00:00Z"))
    _, again = REREADER.read(row._replace(properties=row.properties.replace("2027-01-01T00:00:00Z", text)))
    assert again.event.valid_until.isoformat() == "2027-01-01T00:00:00+00:00"


def test_times_are_those_of_the_row() -> None:
    _, again = REREADER.read(of(make.a_page_viewed())._replace(occurred_at=T0 // 1000 - 5, received_at=NOW // 1000))
    assert (again.occurred_at, again.received_at) == (T0 - 5 * MILLISECOND, NOW)
    assert again.occurred_at < T0 < T0 + DAY

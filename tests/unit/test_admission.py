"""Bytes in, a valid event or a rejection out: how records are refused, and how the times of an event are settled."""

import copy
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given, strategies as st

from core.admission import FUTURE_TOLERANCE, Admission, Admitted
from core.outcomes import Rejected
from core.times import DAY, EARLIEST, LATEST, SECOND, Micros, iso
from schemas.reasons import ReasonCode, Stage
from tests.factories import (
    FACTORIES,
    Event,
    a_custom_tracked,
    a_full_event,
    a_page,
    a_page_viewed,
    a_receipt,
    a_staying_answer,
    an_nps_answer,
)
from tests.unit.pipeline import ADMISSIONS, BROKER_TIME, PLAN, T0, TOPIC_OF, admitted

MAX_BYTES = 5_000
MARKER = "Tr0ub4dor"
SITE = Admission("site-interaction", MAX_BYTES, PLAN)


def refused(value: bytes | None, admission: Admission = SITE) -> Rejected:
    outcome = admission.admit(value, BROKER_TIME)
    assert isinstance(outcome, Rejected), outcome
    assert outcome.stage is Stage.ADMIT
    return outcome


def refused_event(event: Any) -> Rejected:
    return refused(orjson.dumps(event))


@pytest.mark.parametrize("value", [None, b""])
def test_no_value_is_empty(value: bytes | None) -> None:
    assert refused(value) == Rejected(Stage.ADMIT, ReasonCode.EMPTY, "the record has no value")


def test_the_largest_record_is_read_and_a_byte_more_is_not() -> None:
    event = orjson.dumps(a_page_viewed(customer_id="c-1"))
    assert isinstance(SITE.admit(event + b" " * (MAX_BYTES - len(event)), BROKER_TIME), Admitted)
    too_large = refused(event + b" " * (MAX_BYTES + 1 - len(event)))
    assert (too_large.reason, too_large.detail) == (ReasonCode.TOO_LARGE, "5001 bytes, at most 5000")


@pytest.mark.parametrize("value", [b"\xff", b'{"a":"\xc3"}', b'{"type":"page_viewed\xed\xa0\x80"}'])
def test_bytes_that_are_no_utf_8_are_located(value: bytes) -> None:
    outcome = refused(value)
    assert outcome.reason is ReasonCode.INVALID_UTF8
    assert re.fullmatch(r"byte \d+ is no UTF-8", outcome.detail)


BROKEN = [
    b"{",
    b'{"type":"page_viewed"',
    b'{"type":}',
    b"{'type':'page_viewed'}",
    b'{"rating":NaN}',
    b'{"rating":Infinity}',
    b'{"rating":1e999}',
    b'{"text":"\\ud800"}',
    b"[1,]",
    b"null null",
    b"  ",
    b"\xef\xbb\xbf{}",
    b"\x00",
]


@pytest.mark.parametrize("value", BROKEN)
def test_broken_json_and_numbers_that_json_does_not_know_are_malformed(value: bytes) -> None:
    outcome = refused(value)
    assert outcome.reason is ReasonCode.MALFORMED_JSON
    assert 0 < len(outcome.detail) < 80


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_deep_nesting_is_too_deep(opening: bytes) -> None:
    assert refused(opening * 10_000, Admission("purchase", 10**6, {})).reason is ReasonCode.TOO_DEEP


@pytest.mark.parametrize("value", [b"[]", b"1", b"null", b"true", b'"page_viewed"', b"[{}]"])
def test_json_that_is_no_object_is_refused(value: bytes) -> None:
    assert refused(value).reason is ReasonCode.NOT_AN_OBJECT


@pytest.mark.parametrize("kind", [["page_viewed"], {"a": 1}, None, 1, 1.5, True])
def test_a_type_must_be_a_string(kind: object) -> None:
    assert refused_event({"type": kind}).reason is ReasonCode.INVALID_FIELD
    assert refused_event({}) == refused_event({"type": kind})


@pytest.mark.parametrize("kind", ["", "Page_Viewed", "page_viewed ", "video_watched"])
def test_a_type_that_no_contract_has_is_unknown(kind: str) -> None:
    assert refused_event({"type": kind}).reason is ReasonCode.UNKNOWN_TYPE


@pytest.mark.parametrize("version", [2, -1, "1", 1.5, [1], {"a": 1}])
def test_a_version_that_no_contract_has_is_unknown(version: object) -> None:
    assert refused_event(a_page_viewed(schema_version=version)).reason is ReasonCode.UNKNOWN_VERSION


@pytest.mark.parametrize("version", [0, None, False, True, 1.0])
def test_a_version_that_only_equals_a_known_one_is_invalid(version: object) -> None:
    outcome = refused_event(a_page_viewed(schema_version=version))
    assert outcome.reason is ReasonCode.INVALID_FIELD
    assert outcome.detail.startswith("schema_version: ")


@pytest.mark.parametrize("kind", FACTORIES)
def test_an_event_belongs_into_its_own_topic(kind: str) -> None:
    value = orjson.dumps(a_full_event(kind))
    outcomes = {topic: admission.admit(value, BROKER_TIME) for topic, admission in ADMISSIONS.items()}
    home = TOPIC_OF[kind.partition("/")[0]]
    assert isinstance(outcomes.pop(home), Admitted)
    assert {outcome.reason for outcome in outcomes.values()} == {ReasonCode.WRONG_TOPIC}


WHERE = [
    (a_page_viewed(page=a_page(url=1)), "page.url: Input should be a valid string"),
    (a_page_viewed(occurred_at="yesterday"), "occurred_at: Value error, must be an RFC 3339 string with a zone"),
    (a_custom_tracked(properties={"a": []}), "properties: Input should be a valid string"),
    (a_receipt(total="1e2"), "total: Value error, must be a decimal number, such as 12.50, with at most 4 places"),
    (a_receipt(lines=[{}]), "lines.0.product_id: Field required"),
    (an_nps_answer(score=11), "score: Input should be less than or equal to 10"),
    (an_nps_answer(survey="mood"), "event: survey must be nps, leaving or staying"),
    (a_staying_answer(reason="other"), "event: Value error, reason other requires a comment"),
]


@pytest.mark.parametrize(("event", "detail"), WHERE)
def test_the_first_wrong_field_is_named_by_its_path(event: Event, detail: str) -> None:
    outcome = refused(orjson.dumps(event), ADMISSIONS[TOPIC_OF[event["type"]]])
    assert (outcome.reason, outcome.detail) == (ReasonCode.INVALID_FIELD, detail)


def places(part: Any) -> list[tuple[Any, Any]]:
    """Return every place in a document: the object or list that holds it, and its name or index."""
    pairs = list(part.items()) if isinstance(part, dict) else list(enumerate(part)) if isinstance(part, list) else []
    return [(part, name) for name, _ in pairs] + [place for _, inner in pairs for place in places(inner)]


SECRETS = st.sampled_from(
    [
        MARKER,
        [MARKER],
        {"a": MARKER},
        f"2026-{MARKER}",
        MARKER * 300,
        f"{MARKER}\n",
        [[MARKER]],
        f"12.{MARKER}",
        f"-{MARKER}",
    ]
)


@given(st.sampled_from(sorted(FACTORIES)), st.data())
def test_a_detail_names_fields_and_never_repeats_a_value(kind: str, data: st.DataObject) -> None:
    event = a_full_event(kind)
    for _ in range(data.draw(st.integers(1, 3))):
        holder, name = data.draw(st.sampled_from(places(event)))
        holder[name] = copy.deepcopy(data.draw(SECRETS))
    outcome = ADMISSIONS[TOPIC_OF[kind.partition("/")[0]]].admit(orjson.dumps(event), BROKER_TIME)
    if isinstance(outcome, Rejected):
        assert MARKER not in outcome.detail
        assert len(outcome.detail) <= 1_000


@given(st.binary(max_size=40) | st.text(max_size=40).map(str.encode))
def test_whatever_comes_in_is_admitted_or_refused(value: bytes) -> None:
    noisy = MARKER.encode() + value
    assert MARKER not in refused(noisy).detail
    assert isinstance(SITE.admit(value, BROKER_TIME), (Admitted, Rejected))


def timed(occurred_at: Micros, **times: Micros) -> Admitted | Rejected:
    moments = {"occurred_at": occurred_at, **times}
    texts = {name: (datetime.fromtimestamp(0, UTC) + timedelta(microseconds=at)).isoformat() for name, at in moments.items()}
    return SITE.admit(orjson.dumps(a_page_viewed(**texts)), BROKER_TIME)


def times_of(event: Admitted) -> tuple[Micros, Micros, bool]:
    return event.occurred_at, event.received_at, event.clamped


def test_times_are_the_events_own_and_else_the_brokers() -> None:
    assert times_of(admitted(a_page_viewed())) == (T0, BROKER_TIME, False)
    assert times_of(admitted(a_page_viewed(received_at=iso(T0 + DAY)))) == (T0, T0 + DAY, False)


SKEWS = st.integers(-300 * DAY, 300 * DAY)


@given(SKEWS, st.integers(0, DAY), st.integers(0, DAY))
def test_a_skewed_clock_is_corrected(skew: Micros, queued: Micros, sent_after: Micros) -> None:
    true_time = T0 - queued
    event = timed(true_time - sent_after + skew, sent_at=true_time + skew, received_at=true_time)
    assert isinstance(event, Admitted)
    assert times_of(event) == (true_time - sent_after, true_time, False)


@given(st.integers(-DAY, DAY))
def test_the_future_is_clamped_to_the_reception_and_five_minutes(lead: Micros) -> None:
    event = timed(BROKER_TIME + lead)
    assert isinstance(event, Admitted)
    assert event.occurred_at == min(BROKER_TIME + lead, BROKER_TIME + FUTURE_TOLERANCE)
    assert event.clamped == (lead > FUTURE_TOLERANCE)
    assert FUTURE_TOLERANCE == 300 * SECOND


ABSURD = [
    {"occurred_at": EARLIEST - 1},
    {"occurred_at": LATEST},
    {"occurred_at": T0, "received_at": EARLIEST - 1},
    {"occurred_at": T0, "received_at": LATEST},
    {"occurred_at": EARLIEST, "sent_at": T0 + SECOND, "received_at": T0},
    {"occurred_at": T0, "sent_at": EARLIEST, "received_at": LATEST - 1},
]


@pytest.mark.parametrize("times", ABSURD)
def test_times_outside_of_this_century_are_absurd(times: dict[str, Micros]) -> None:
    outcome = timed(**times)
    assert isinstance(outcome, Rejected)
    assert outcome.reason is ReasonCode.ABSURD_TIME


def test_the_edges_of_the_century_are_not_absurd() -> None:
    assert isinstance(timed(EARLIEST, received_at=EARLIEST), Admitted)
    assert isinstance(timed(LATEST - 1, received_at=LATEST - 1), Admitted)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-14:00"])
@pytest.mark.parametrize("name", ["occurred_at", "sent_at", "received_at"])
def test_times_at_the_ends_of_the_calendar_are_absurd(name: str, text: str) -> None:
    assert refused_event(a_page_viewed(**{name: text})).reason is ReasonCode.ABSURD_TIME


PATHS = [
    ("https://shop.example/shoes/red?size=42#top", "/shoes/red"),
    ("https://shop.example", "/"),
    ("https://shop.example?size=42", "/"),
    ("/shoes", "/shoes"),
    ("http://[broken", "/"),
    ("?", "/"),
]


@pytest.mark.parametrize(("url", "path"), PATHS)
def test_a_page_without_a_path_gets_that_of_its_url(url: str, path: str) -> None:
    assert admitted(a_page_viewed(page={"url": url})).kept["page"] == {"url": url, "path": path}


def test_a_stated_path_stays() -> None:
    assert admitted(a_page_viewed(page=a_page(path="/given"))).kept["page"]["path"] == "/given"


def test_what_no_contract_names_is_left_out_and_counted() -> None:
    event = admitted(a_custom_tracked(name="video_watched", properties={"video_id": "v", "x": 1}, stray=1))
    assert event.kept == {"name": "video_watched", "properties": {"video_id": "v"}}
    assert event.omitted == 2


def test_a_source_is_the_events_own_and_else_the_topics() -> None:
    assert (admitted(a_page_viewed()).source, admitted(a_receipt()).source) == ("web", "till")
    assert admitted(a_page_viewed(source="kiosk")).source == "kiosk"

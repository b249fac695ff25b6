"""Bodies, keys and verdicts of the collector: every bad input has an answer, and costs its neighbours nothing."""

import gzip
import json
import tracemalloc
from pathlib import Path

import orjson
import pytest
from hypothesis import given, strategies as st

from collector import bodies
from collector.bodies import Limits, Refusal
from collector.intake import Intake
from collector.keys import Key, KeyFile, Keyring, KeysError, Rates, digest, new_secret, read_file, write_file
from collector.sources.segment import Received, map_message
from collector.sources.till import map_event
from core.admission import Admission
from core.gate import Gate, Refused
from core.identifiers import Identifiers, IdentitySpec
from core.refusals import refusal_document
from schemas.sealed import text_of

AT = "2026-11-22T10:00:00.000Z"
NOW = 1_795_341_600_000_000
LIMITS = Limits(body_bytes=1_000, unpacked_bytes=5_000, event_bytes=400, depth=5)
GATE = Gate(Identifiers(IdentitySpec(blocked=["guest"]), b"secret"), {}, 1_000_000)
PAGE = {"type": "page", "userId": "u", "messageId": "m", "properties": {"url": "http://a/b"}}


def take(*messages: object) -> list:
    intake = Intake(GATE, LIMITS)
    return intake.take(messages, NOW, lambda message, message_id: map_message(message, message_id, Received(AT)))


def refusal(body: bytes) -> tuple[int, str]:
    with pytest.raises(Refusal) as refused:
        bodies.read(bodies.unpack(body, LIMITS))
    return refused.value.status, refused.value.code


def test_gzip_is_recognised_by_itself() -> None:
    assert bodies.unpack(gzip.compress(b"[1]"), LIMITS) == b"[1]"
    assert bodies.unpack(b"[1]", LIMITS) == b"[1]"


def test_a_bomb_is_not_unpacked_further_than_the_limit() -> None:
    bomb = gzip.compress(b"0" * 50_000_000)
    tracemalloc.start()
    assert refusal(bomb) == (413, "too_large")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (gzip.compress(b"0" * 100_000, mtime=0), (413, "too_large")),
        (gzip.compress(b"[1]", mtime=0)[:-9], (400, "invalid_gzip")),
        (b"\x1f\x8bnonsense", (400, "invalid_gzip")),
        (b"", (400, "invalid_json")),
        (b"{", (400, "invalid_json")),
        (b"\xff\xfe", (400, "invalid_json")),
        (b"[" * 10_000, (400, "too_deep")),
        (b"[" * 10_000 + b"]" * 10_000, (400, "too_deep")),
    ],
)
def test_a_body_that_can_not_be_read_is_refused(body: bytes, answer: tuple[int, str]) -> None:
    assert refusal(body) == answer


@pytest.mark.parametrize("bad", ['{"a": NaN}', '{"a": -Infinity}', '{"a": "\\ud800"}', '{"a": 1%s}' % ("0" * 30)])
def test_a_message_that_is_no_json_by_the_letter_costs_its_neighbours_nothing(bad: str) -> None:
    body = f"[{json.dumps(PAGE)}, {bad}, {json.dumps(PAGE)}]".encode()
    first, broken, last = take(*bodies.read(body))
    assert first.verdict.reason == last.verdict.reason == ""
    assert broken.verdict.reason in ("malformed_json", "invalid_field")
    assert isinstance(broken.leaving, Refused)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ({**PAGE, "properties": {"url": "x" * 500}}, "too_large"),
        ({**PAGE, "context": {"a": {"b": {"c": {"d": {"e": {}}}}}}}, "too_deep"),
        ({**PAGE, "context": [[[[[[[]]]]]]]}, "too_deep"),
        ({**PAGE, "userId": "guest"}, "blocked_identity"),
        ({**PAGE, "userId": "a:b"}, "reserved_identity"),
        ({**PAGE, "userId": "u" * 101}, "invalid_field"),
        ({**PAGE, "properties": {}}, "invalid_field"),
        ({**PAGE, "timestamp": 1}, "absurd_time"),
        (None, "invalid_field"),
    ],
)
def test_every_bad_message_has_a_reason_and_becomes_a_dead_letter(message: object, reason: str) -> None:
    (taken,) = take(message)
    assert taken.verdict.reason == reason
    assert taken.verdict.detail
    sealed = text_of(b"x" * 60)
    again = Admission(taken.leaving.topic, 1_000_000, {}).judge(refusal_document(taken.leaving.rejected, sealed), NOW)
    assert again == taken.leaving.rejected._replace(sealed=sealed), "the scorer says what the edge has said"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_whatever_is_posted_gets_a_verdict(message: object) -> None:
    (taken,) = take(message)
    assert taken.verdict.reason
    assert taken.leaving.original


def test_of_a_huge_message_a_digest_is_kept() -> None:
    (taken,) = take({**PAGE, "properties": {"url": "x" * 3_000_000}})
    assert taken.verdict.reason == "too_large"
    assert orjson.loads(taken.leaving.original).keys() == {"bytes", "blake2b"}
    assert len(taken.leaving.original) < 200


def test_an_event_goes_to_its_customer_with_what_the_contract_names_and_no_more() -> None:
    said = {
        "type": "ticket_opened", "event_id": "e", "occurred_at": AT, "customer_id": "c", "ticket_id": "t", "text": "secret",
        "mood": "bad", "context": {"ip": "203.0.113.7", "screen": {"w": 1}},
    }  # fmt: skip
    (taken,) = Intake(GATE, LIMITS).take([said], NOW, lambda raw, name: map_event(raw, name, AT))
    leaving = taken.leaving
    assert (leaving.topic, leaving.owner, leaving.omitted) == ("support-ticket", "c", 2)
    assert leaving.document["context"] == {"ip": "203.0.113.0"}
    assert [place.name for place in leaving.places] == ["text"]
    assert "mood" not in leaving.document


def test_a_message_without_an_id_gets_the_same_one_again_if_it_tells_its_time() -> None:
    bare = {name: value for name, value in PAGE.items() if name != "messageId"}
    timed = {**bare, "timestamp": AT}
    assert take(timed)[0].verdict.message_id == take(timed)[0].verdict.message_id
    intake, mapper = Intake(GATE, LIMITS), lambda raw, name: map_message(raw, name, Received(AT))
    ((one,), (other,)) = (intake.take([bare], now, mapper) for now in (NOW, NOW + 1))
    assert one.verdict.message_id != other.verdict.message_id
    assert len(take({**PAGE, "messageId": "x" * 300})[0].verdict.message_id) == 32


def keyring(path: Path, *keys: Key) -> Keyring:
    write_file(path, KeyFile(keys=list(keys)))
    return Keyring(path, clock=iter(range(0, 1_000, 2)).__next__)


def code(ring: Keyring, secret: str, scope: str = "write", origin: str | None = None) -> str:
    try:
        ring.admit(secret, scope, origin)
    except Refusal as refused:
        return f"{refused.status} {refused.code}"
    return "in"


def test_a_key_is_kept_as_a_hash_and_may_do_what_it_says(tmp_path: Path) -> None:
    secret, path = new_secret(), tmp_path / "keys.yaml"
    ring = keyring(path, Key(name="shop", sha256=digest(secret), origins=frozenset({"https://shop.ru"}), source="web"))
    assert secret not in path.read_text()
    assert path.stat().st_mode & 0o077 == 0
    assert code(ring, secret) == code(ring, secret, origin="https://shop.ru") == "in"
    assert ring.admit(secret, "write", None).source == "web"
    assert code(ring, secret, origin="https://evil.ru") == "403 wrong_origin"
    assert code(ring, secret, "read") == "403 wrong_scope"
    assert code(ring, "") == "401 missing_key"
    assert code(ring, "guess") == code(ring, "\ud800") == "401 unknown_key"


def test_keys_come_and_go_while_the_collector_runs(tmp_path: Path) -> None:
    path, old, new = tmp_path / "keys.yaml", new_secret(), new_secret()
    ring = keyring(path, Key(name="shop", sha256=digest(old)))
    write_file(path, KeyFile(keys=[Key(name="shop", sha256=digest(old)), Key(name="shop", sha256=digest(new))]))
    assert code(ring, old) == code(ring, new) == "in"
    write_file(path, KeyFile(keys=[Key(name="shop", sha256=digest(new))]))
    assert (code(ring, old), code(ring, new)) == ("401 unknown_key", "in")
    path.write_text("keys: 5")
    assert code(ring, new) == "in"
    assert "keys" in ring.trouble


def test_without_a_file_any_key_is_let_in_but_none_is_not() -> None:
    ring = Keyring(None)
    assert code(ring, "whatever") == "in"
    assert code(ring, "") == "401 missing_key"


@pytest.mark.parametrize("text", ["keys: 5", "keys: [{name: x, sha256: short}]", "{", "keys: [{name: x, color: red}]"])
def test_a_file_of_keys_that_is_wrong_is_refused_in_a_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keys.yaml"
    path.write_text(text)
    with pytest.raises(KeysError, match=r"keys\.yaml: ") as refused:
        read_file(path)
    assert "\n" not in str(refused.value)


def test_a_key_that_sends_too_much_waits_and_the_others_do_not() -> None:
    now = [0.0]
    rates, key, other = Rates(10, clock=lambda: now[0]), Key(name="a"), Key(name="b", events_per_sec=1_000)
    rates.check(key)
    rates.spend(key, 50)
    rates.spend(other, 50)
    rates.check(other)
    with pytest.raises(Refusal) as refused:
        rates.check(key)
    assert (refused.value.status, refused.value.retry_after_secs) == (429, 4)
    now[0] = refused.value.retry_after_secs
    rates.check(key)

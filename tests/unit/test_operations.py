"""What the commands conclude from what they have counted and read."""

import asyncio
from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest

from agents.operations.conservation import Counted, wrong
from agents.operations.copies import Written, _differing, _unequal
from agents.operations.course import TICKED, Course, Tape, unfold
from agents.operations.extents import Extents
from agents.operations.logs import merged, source_id
from agents.operations.replay import Selection
from core.outcomes import Coordinate, Forwarded
from core.records import Source, forward_headers
from streams.kafka.topics import SCORED

SOURCE = Source("purchase", "i1", 0)
ACCEPTED = Counted(in_log=True, final=1, accepted=1, events=1)
REJECTED = Counted(in_log=True, final=1, rejected=1, letters=1)


@pytest.mark.parametrize(
    ("counted", "what"),
    [
        (ACCEPTED, None),
        (REJECTED, None),
        (Counted(in_log=True, final=1), None),
        (ACCEPTED._replace(in_log=None), None),
        (ACCEPTED._replace(forwarded=1), None),
        (Counted(in_log=False), None),
        (Counted(in_log=True), "no outcome"),
        (Counted(in_log=True, forwarded=1), "forwarded, but no final outcome"),
        (ACCEPTED._replace(final=2), "2 outcomes"),
        (ACCEPTED._replace(in_log=False), "an outcome without a record"),
        (ACCEPTED._replace(events=0), "accepted, but no event row"),
        (ACCEPTED._replace(events=2), "accepted, but 2 event rows"),
        (Counted(in_log=True, final=1, events=1), "an event row, but the outcome is not accepted"),
        (Counted(in_log=True, events=1), "an event row without an outcome"),
        (Counted(in_log=True, letters=1), "a dead letter without an outcome"),
        (REJECTED._replace(letters=0), "rejected, but no dead letter"),
        (ACCEPTED._replace(letters=1), "a dead letter, but the outcome is not rejected"),
    ],
)
def test_what_is_wrong_with_a_record(counted: Counted, what: str | None) -> None:
    assert wrong(counted, lagging=False) == what


def test_a_forwarded_record_may_be_on_its_way() -> None:
    assert wrong(Counted(in_log=True, forwarded=1), lagging=True) is None
    assert wrong(Counted(in_log=True), lagging=True) == "no outcome"


class ARecord(NamedTuple):
    offset: int
    timestamp: int = 0
    headers: tuple = ()


async def log(*records: ARecord) -> AsyncIterator[ARecord]:
    for record in records:
        yield record


def read(records: AsyncIterator) -> list:
    async def gather() -> list:
        return [record async for record in records]

    return asyncio.run(gather())


def test_logs_are_merged_by_time_and_never_within_a_log() -> None:
    logs = [log(ARecord(0, 5), ARecord(1, 2)), log(), log(ARecord(0, 1), ARecord(1, 5), ARecord(2, 9))]
    assert [(order, record.offset) for order, record in read(merged(logs))] == [(2, 0), (0, 0), (0, 1), (2, 1), (2, 2)]


def test_a_forwarded_copy_is_known_by_its_origin() -> None:
    headers = tuple(forward_headers(Coordinate("purchase", "i1", 3, 17), Forwarded("c-1", 0, 1_795_000_000_000_000)))
    assert source_id(ARecord(5, headers=headers), SOURCE) == "purchase:i1:3:17"
    assert source_id(ARecord(5, headers=headers), Source("purchase", "i2", 0)) == "purchase:i2:0:5"
    assert source_id(ARecord(5, headers=headers[:1]), SOURCE) == "purchase:i1:0:5"


@pytest.mark.parametrize(("whole", "before"), [(True, [(2, 4), (0, 0)]), (False, [])])
def test_a_course_is_followed_and_what_came_before_it_by_time(*, whole: bool, before: list) -> None:
    sources = [Source(topic, "i1", 0) for topic in SCORED]
    firsts = {SCORED[0]: f"{SCORED[0]}:i1:0:1", SCORED[1]: f"{SCORED[1]}:i1:0:0"}
    logs = [log(ARecord(0, 7), ARecord(1, 8), ARecord(2, 9)), log(ARecord(0, 1), ARecord(1, 2)), log(ARecord(4, 3))]
    logs += [log() for _ in SCORED[3:]]
    tapes = [Tape(records, source) for records, source in zip(logs, sources, strict=True)]
    steps = bytes([0x80, TICKED, 0x81, 0x01, 0x80, 0x80])
    followed = read(unfold(Course(steps, [1, 1, 1, 0, 2, 0], firsts, [("c-1", 9)], 0), tapes, whole=whole))
    offsets = [(order, what if order == TICKED else what.offset, version) for order, what, version in followed]
    assert offsets == [*((*one, 0) for one in before), (0, 1, 1), (TICKED, ("c-1", 9), 1), (1, 0, 1), (0, 2, 2)]


def test_the_lowest_offset_that_differs_is_named() -> None:
    latest = {"a": Written(2, "x", 9), "b": Written(3, "y", 5), "c": Written(4, "z", 7)}
    rows = {"a": Written(2, "x"), "b": Written(3, "other"), "c": Written(3, "z")}
    finding = _differing(latest, rows, 1, None)
    assert finding is not None
    assert (finding.partition, finding.offset, finding.what) == (1, 5, "profile b has another state in ClickHouse")
    assert _differing(latest, rows, 1, loaded=5) is None, "what is not loaded yet is left out"
    assert _differing({}, rows, 1, None) is not None
    assert _differing({}, {}, 1, None) is None


def test_a_score_change_stands_once_on_both_sides() -> None:
    extents = Extents({}, {"scorer": 0, "loader": 0}, {}, {"purchase": [10, 10]}, [])
    one, other = "purchase:i1:0:3:0", "purchase:i1:0:2:1"
    assert _unequal({one: 1, other: 1}, {one: 1, other: 1}, 0, extents) is None
    finding = _unequal({one: 1, other: 1}, {one: 2}, 0, extents)
    assert finding is not None
    assert (finding.topic, finding.partition, finding.offset) == ("purchase", 0, 2)
    assert _unequal({"purchase:i1:0:10:0": 1}, {}, 0, extents) is None, "its cause is not compared yet"


def test_batches_hold_few_letters_and_few_bytes() -> None:
    large = 12 * 1024 * 1024
    selection = Selection([(f"small-{n}", 10) for n in range(501)] + [("large-1", large), ("large-2", large)])
    assert [len(batch) for batch in selection.batches()] == [500, 2, 1]
    assert list(Selection().batches()) == []

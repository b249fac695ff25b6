"""The log itself says where it is cut, however it is read."""

from collections.abc import Iterable
from itertools import accumulate, pairwise
from typing import NamedTuple

import msgspec
import orjson
import pytest
from hypothesis import given, strategies as st

from core.documents import closing_marker, enriched
from core.outcomes import Dropped
from schemas.reasons import DropCode
from sinks.ranges import Range, RangeCutter
from tests.unit.pipeline import HERE


class Logged(NamedTuple):
    """A record of the log of enriched events."""

    offset: int
    value: bytes


def a_drop(batch: int) -> bytes:
    return enriched(Dropped(DropCode.DUPLICATE_EVENT), HERE, batch)


def a_log(*values: bytes) -> list[Logged]:
    return [Logged(offset, value) for offset, value in enumerate(values)]


def cut(records: Iterable[Logged], max_records: int = 1_000) -> list[Range]:
    return list(RangeCutter(max_records).feed(records))


def edges(ranges: Iterable[Range]) -> list[tuple[int, int, int]]:
    return [range_[:3] for range_ in ranges]


STEPS = st.lists(st.tuples(st.sampled_from([0, 0, 0, 1, 5]), st.sampled_from([a_drop, a_drop, closing_marker])), max_size=40)
GAPS = st.lists(st.integers(1, 3), min_size=40, max_size=40)


@st.composite
def logs(draw: st.DrawFn) -> list[Logged]:
    """Draw a log: batch numbers never fall, offsets have gaps, markers stand anywhere, and the last one closes it."""
    steps = draw(STEPS)
    offsets = accumulate(draw(GAPS))
    batches = accumulate((step for step, _ in steps), initial=100)
    records = [Logged(at, make(batch)) for at, batch, (_, make) in zip(offsets, batches, steps, strict=False)]
    end = records[-1].offset + 1 if records else 0
    return [*records, Logged(end, closing_marker(1_000))]


LOGS, SIZES = logs(), st.integers(1, 6)


def sliced(records: list[Logged], borders: Iterable[int]) -> list[list[Logged]]:
    ends = sorted({border % (len(records) + 1) for border in borders} | {0, len(records)})
    return [records[start:end] for start, end in pairwise(ends)]


@given(LOGS, SIZES, st.lists(st.integers(0, 50)))
def test_slices_do_not_move_the_ranges(log: list[Logged], size: int, borders: list[int]) -> None:
    cutter = RangeCutter(size)
    assert [range_ for slice_ in sliced(log, borders) for range_ in cutter.feed(slice_)] == cut(log, size)


@given(LOGS, SIZES)
def test_every_outcome_is_in_one_range_and_in_its_order(log: list[Logged], size: int) -> None:
    ranges = cut(log, size)
    outcomes = [orjson.loads(record.value).get("outcome") for record in log]
    assert [msgspec.to_builtins(entry.outcome) for r in ranges for entry in r.entries] == [row for row in outcomes if row]
    for range_ in ranges:
        assert 1 <= len(range_.entries) <= size
        assert {entry.outcome.loaded_at for entry in range_.entries} == {range_.batch}
        held = [record.offset for record in log if range_.first_offset <= record.offset <= range_.last_offset]
        assert (held[0], held[-1]) == (range_.first_offset, range_.last_offset)
    assert all(left.last_offset < right.first_offset for left, right in pairwise(ranges))


@given(LOGS, SIZES, st.lists(st.tuples(st.integers(1, 40), st.booleans()), max_size=6))
def test_going_back_to_the_commit_gives_the_same_ranges(
    log: list[Logged], size: int, readings: list[tuple[int, bool]]
) -> None:
    """Read as the loader does: commit after a range and between ranges; go back with the same cutter, or a new one."""
    cutter, committed, given_ = RangeCutter(size), 0, {}
    for count, restarted in [*readings, (len(log), True), (len(log), False)]:
        cutter = RangeCutter(size) if restarted else cutter
        slice_ = [record for record in log if record.offset >= committed][:count]
        if not slice_:
            continue
        for range_ in cutter.feed(slice_):
            assert given_.setdefault(range_.first_offset, range_) == range_
            committed = range_.last_offset + 1
        if cutter.between_ranges:
            committed = slice_[-1].offset + 1
    assert list(given_.values()) == cut(log, size)


def test_a_range_ends_with_its_batch_number() -> None:
    log = a_log(a_drop(1), a_drop(1), a_drop(2), closing_marker(3))
    assert edges(cut(log)) == [(0, 1, 1), (2, 2, 2)]
    assert edges(cut(log[:3])) == [(0, 1, 1)]
    assert cut(log[:2]) == []


def test_a_replayed_record_is_a_range_by_itself() -> None:
    log = a_log(a_drop(7), a_drop(3), a_drop(7), closing_marker(8))
    assert edges(cut(log)) == [(0, 0, 7), (1, 1, 3), (2, 2, 7)]


def test_a_range_is_cut_after_so_many_records_once_the_next_one_is_read() -> None:
    log = a_log(*(a_drop(1) for _ in range(5)))
    assert edges(cut(log, 2)) == [(0, 1, 1), (2, 3, 1)]
    assert edges(cut(log[:4], 2)) == [(0, 1, 1)]


def test_a_marker_of_the_same_batch_number_closes_nothing_but_a_full_range() -> None:
    log = a_log(a_drop(1), closing_marker(1), a_drop(1), closing_marker(1), closing_marker(2))
    assert edges(cut(log)) == [(0, 2, 1)]
    assert edges(cut(log, 1)) == [(0, 0, 1), (2, 2, 1)]


def test_after_a_marker_nothing_is_gathered() -> None:
    cutter = RangeCutter(10)
    assert cutter.between_ranges
    list(cutter.feed(a_log(a_drop(1))))
    assert not cutter.between_ranges
    list(cutter.feed([Logged(1, closing_marker(2))]))
    assert cutter.between_ranges
    list(cutter.feed([Logged(2, closing_marker(3)), Logged(3, a_drop(3))]))
    assert not cutter.between_ranges


def test_a_range_is_cut_after_so_many_bytes_once_the_next_one_is_read() -> None:
    log = a_log(*(a_drop(1) for _ in range(5)))
    size = len(log[0].value)
    assert edges(RangeCutter(max_bytes=2 * size).feed(log)) == [(0, 1, 1), (2, 3, 1)]
    assert edges(RangeCutter(max_bytes=1).feed(log)) == [(0, 0, 1), (1, 1, 1), (2, 2, 1), (3, 3, 1)]


def test_a_range_that_was_given_does_not_change_any_more() -> None:
    cutter = RangeCutter(1)
    (first,) = cutter.feed(a_log(a_drop(1), a_drop(1)))
    list(cutter.feed([Logged(2, a_drop(1))]))
    assert len(first.entries) == 1


@pytest.mark.parametrize("value", [b"", b"{", b'{"batch":"1"}', b"{}", b'{"batch":1,"outcome":}'])
def test_what_no_scorer_wrote_stops_the_loader(value: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        cut(a_log(value))

"""The profiles of one partition: what is taken for the changelog, and what is restored from it."""

import pytest
from hypothesis import given, strategies as st

from core.state import State, decode, encode, new, seq_of
from streams.profiles import Partition

ANY = 1_000


def never(_state: State) -> None:
    """Return that time alone changes nothing."""


def a_profile(seq: int) -> State:
    state = new()
    state.seq = seq
    return state


def encoded(seq: int) -> bytes:
    return encode(a_profile(seq))


def taken(partition: Partition) -> dict[bytes, int]:
    return {key: seq_of(value) for key, value in partition.take_changed()}


def seq_in(partition: Partition, key: str) -> int | None:
    profile = partition.get(key)
    return None if profile is None else profile.seq


def test_who_is_unknown_has_no_profile() -> None:
    assert Partition(ANY, never).get("c-1") is None


def test_a_changed_profile_is_taken_once() -> None:
    partition = Partition(ANY, never)
    partition.put("c-1", a_profile(1))
    partition.put("ж", a_profile(7))
    assert taken(partition) == {b"c-1": 1, "ж".encode(): 7}
    assert taken(partition) == {}
    assert seq_in(partition, "c-1") == 1


def test_a_profile_that_changes_twice_is_taken_as_it_stands() -> None:
    partition = Partition(ANY, never)
    partition.put("c-1", a_profile(1))
    profile = partition.get("c-1")
    assert profile is not None
    profile.seq = 2
    partition.put("c-1", profile)
    assert taken(partition) == {b"c-1": 2}
    assert decode(partition.rows["c-1"]) == a_profile(2)


def test_a_profile_is_decoded_once_and_changed_in_place() -> None:
    partition = Partition(ANY, never)
    partition.restore(b"c-1", encoded(3))
    assert partition.get("c-1") is partition.get("c-1")


def test_beyond_the_warm_limit_decoded_profiles_are_forgotten_and_none_is_lost() -> None:
    partition = Partition(2, never)
    for number in range(3):
        partition.put(f"c-{number}", a_profile(number))
    before = partition.get("c-0")
    assert taken(partition) == {b"c-0": 0, b"c-1": 1, b"c-2": 2}
    assert partition.get("c-0") == before
    assert partition.get("c-0") is not before


def test_up_to_the_warm_limit_decoded_profiles_stay() -> None:
    partition = Partition(2, never)
    partition.put("c-0", a_profile(1))
    before = partition.get("c-0")
    taken(partition)
    assert partition.get("c-0") is before


def test_what_is_restored_is_not_changed() -> None:
    partition = Partition(ANY, never)
    partition.restore(b"c-1", encoded(3))
    assert seq_in(partition, "c-1") == 3
    assert taken(partition) == {}


@given(st.lists(st.integers(0, 9), min_size=1, max_size=8))
def test_the_highest_seq_wins_wherever_it_stands(seqs: list[int]) -> None:
    partition = Partition(ANY, never)
    for seq in seqs:
        partition.restore(b"c-1", encoded(seq))
    assert seq_of(partition.rows["c-1"]) == max(seqs)
    assert seq_in(partition, "c-1") == max(seqs)


def test_a_stale_record_has_the_right_one_written_again() -> None:
    partition = Partition(ANY, never)
    for seq in (5, 4):
        partition.restore(b"c-1", encoded(seq))
    assert taken(partition) == {b"c-1": 5}
    assert taken(partition) == {}
    assert decode(partition.rows["c-1"]) == a_profile(5)


def test_the_same_record_twice_is_not_written_again() -> None:
    partition = Partition(ANY, never)
    for _ in range(2):
        partition.restore(b"c-1", encoded(5))
    assert taken(partition) == {}


def test_a_tombstone_forgets_and_what_comes_after_begins_anew() -> None:
    partition = Partition(ANY, never)
    partition.restore(b"c-1", None)
    partition.restore(b"c-1", encoded(5))
    partition.restore(b"c-1", None)
    assert partition.get("c-1") is None
    partition.restore(b"c-1", encoded(1))
    assert seq_in(partition, "c-1") == 1


@given(st.lists(st.integers(0, 4), min_size=1, max_size=6))
def test_what_is_written_again_is_never_older_than_what_was_read(seqs: list[int]) -> None:
    partition = Partition(ANY, never)
    for seq in seqs:
        partition.restore(b"c-1", encoded(seq))
    taken(partition)
    assert seq_of(partition.rows["c-1"]) == max(seqs)


def test_a_tombstone_after_a_stale_record_is_not_undone() -> None:
    partition = Partition(ANY, never)
    for value in (encoded(5), encoded(4), None):
        partition.restore(b"c-1", value)
    assert taken(partition) == {}


@pytest.mark.parametrize("value", [encoded(9), None])
def test_what_is_restored_replaces_what_was_decoded(value: bytes | None) -> None:
    partition = Partition(ANY, never)
    partition.restore(b"c-1", encoded(3))
    partition.get("c-1")
    partition.restore(b"c-1", value)
    assert seq_in(partition, "c-1") == (value and 9)


def test_a_profile_that_is_due_is_taken_out_once_and_due_again_when_it_was_encoded() -> None:
    partition = Partition(ANY, lambda state: 50 if state.seq < 3 else None)
    partition.put("c-1", a_profile(1))
    assert partition.take_due(100, ANY) == []
    list(partition.take_changed())
    assert partition.take_due(49, ANY) == []
    ((due, key, profile),) = partition.take_due(50, ANY)
    assert (due, key, profile.due) == (50, "c-1", None)
    assert partition.take_due(50, ANY) == []
    for seq, times in ((2, 1), (3, 0)):
        profile.seq = seq
        partition.put("c-1", profile)
        list(partition.take_changed())
        assert len(partition.take_due(50, ANY)) == times


def test_a_restored_profile_is_due_when_it_says_so() -> None:
    partition = Partition(ANY, never)
    profile = a_profile(1)
    profile.due = 7
    partition.restore(b"c-1", encode(profile))
    assert [key for _, key, _ in partition.take_due(7, ANY)] == ["c-1"]
    partition.restore(b"c-1", None)
    assert partition.take_due(7, ANY) == []

"""Sliding windows: the same for any order of arrival."""

from hypothesis import given, strategies as st

from core.times import DAY
from core.windows import Recorder, Window, WindowScale, record

SCALE = WindowScale("views", 30 * DAY, 3)
EVENTS = st.lists(st.tuples(st.integers(1, 60), st.sampled_from(["counted"] * 4 + ["reset"])), max_size=12)


def recorded(events: list[tuple[int, str]]) -> Window | None:
    windows: dict[str, Window] = {}
    for day, kind in events:
        record(windows, Recorder("views", lambda _: True, kind == "reset"), day * DAY, SCALE)
    return windows.get("views")


def test_what_aged_out_does_not_count() -> None:
    window = recorded([(1, "counted"), (10, "counted"), (20, "counted")])
    assert [SCALE.counted(window, day * DAY) for day in (20, 30, 31, 40, 50)] == [3, 3, 2, 1, 0]
    assert [SCALE.next_drop(window, day * DAY) for day in (20, 31, 50)] == [31 * DAY, 40 * DAY, None]
    assert [SCALE.latest(window, day * DAY) for day in (20, 49, 50)] == [20 * DAY, 20 * DAY, None]


def test_who_did_nothing_has_no_window() -> None:
    assert (SCALE.counted(None, 0), SCALE.latest(None, 0), SCALE.next_drop(None, 0)) == (0, None, None)
    reset = recorded([(5, "reset")])
    assert (SCALE.counted(reset, 0), SCALE.latest(reset, 0)) == (0, None)


def test_as_many_instants_are_kept_as_are_asked_for_and_those_are_the_latest() -> None:
    assert recorded([(day, "counted") for day in (4, 1, 3, 2, 5)]) == Window([3 * DAY, 4 * DAY, 5 * DAY])


@given(EVENTS, st.randoms())
def test_the_order_of_arrival_changes_nothing(events: list[tuple[int, str]], random: object) -> None:
    shuffled = list(events)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis' own
    assert recorded(shuffled) == recorded(events)


def test_what_can_never_count_again_is_forgotten() -> None:
    assert recorded([(1, "counted"), (10, "counted"), (40, "counted")]) == Window([40 * DAY])
    assert recorded([(40, "counted"), (11, "counted"), (10, "counted")]) == Window([11 * DAY, 40 * DAY])


@given(EVENTS, st.integers(0, 100))
def test_counted_are_those_after_the_last_reset_and_within_the_span(events: list[tuple[int, str]], silent: int) -> None:
    day = max((at for at, _ in events), default=0) + silent  # nobody is looked at for an instant before they were seen
    reset = max((at for at, kind in events if kind == "reset"), default=-1)
    kept = sorted(at for at, kind in events if kind == "counted" and at > reset)[-3:]
    assert SCALE.counted(recorded(events), day * DAY) == sum(day - 30 < at for at in kept)

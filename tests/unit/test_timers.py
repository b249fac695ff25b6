"""The timer wheel against a plain dictionary."""

from hypothesis import given, strategies as st

from streams.timers import SPAN, Timers

KEYS = st.sampled_from("abcdef")
MOVES = st.lists(st.tuples(KEYS, st.none() | st.integers(0, 5 * SPAN), st.integers(0, SPAN // 2)), max_size=40)


@given(MOVES)
def test_what_is_due_comes_once_in_order_and_nothing_else_does(moves: list[tuple[str, int | None, int]]) -> None:
    timers, expected, now = Timers(), dict[str, int](), 0
    for key, new, pause in moves:
        timers.move(key, expected.pop(key, None), new)
        if new is not None:
            expected[key] = new
        now += pause
        due = list(timers.due(now))
        assert due == sorted((at, name) for name, at in expected.items() if at <= now)
        for _, name in due:
            del expected[name]
        assert len(timers) == len(expected)
        assert list(timers.due(now)) == []


def test_a_timer_is_told_once_and_may_be_set_again() -> None:
    timers = Timers()
    timers.move("a", None, 5)
    timers.move("a", 5, 5)
    assert list(timers.due(10)) == [(5, "a")]
    assert list(timers.due(10)) == []
    timers.move("a", None, 5)
    assert list(timers.due(10)) == [(5, "a")]

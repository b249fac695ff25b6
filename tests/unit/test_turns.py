"""Nobody enters or leaves a segment by time alone before the instant that is foreseen for it, whatever the condition."""

from typing import Any

from hypothesis import example, given, settings, strategies as st

from core.scoring import let_pass, next_due
from core.segments import members, move
from core.state import Consent, Score, State, Ticket, new
from core.times import DAY, HOUR, MILLISECOND, SECOND, Micros
from core.windows import Window
from tests.unit.pipeline import T0, compiled

WINDOWS: dict[str, Any] = {"views": {"event": "product_viewed", "days": 5}, "carts": {"event": "product_added", "hours": 30}}
HORIZON: Micros = 12 * DAY
hours = st.integers(0, 200)
LEAVES: dict[str, st.SearchStrategy[float]] = {
    "windows.views": st.integers(0, 3).map(float),
    "windows.carts": st.integers(0, 3).map(float),
    "hours_since.carts": hours.map(float),
    "activity.hours_since_seen": hours.map(float),
    "value.days_since_purchase": st.integers(0, 9).map(float),
    "scores.engagement": st.integers(1, 60).map(float),
    "churn.risk": st.integers(1, 20).map(lambda percent: percent / 100),
    "value.orders": st.integers(0, 1).map(float),
}


@st.composite
def leaves(draw: st.DrawFn) -> dict[str, Any]:
    path = draw(st.sampled_from([*LEAVES, "consents.marketing"]))
    if path == "consents.marketing":
        return {path: draw(st.sampled_from(["given", "withdrawn"]))}
    bound = draw(LEAVES[path])
    kind = draw(st.sampled_from(["at_least", "below", "between", "present", "absent", "equals"]))
    if kind == "equals":
        return {"windows.views": bound}
    if kind == "between":
        return {path: {"at_least": bound, "below": bound * 2 + 1}}
    return {path: {"present": kind == "present"} if kind in ("present", "absent") else {kind: bound}}


wheres = st.recursive(
    leaves(),
    lambda inner: (
        st.builds(lambda how, parts: {how: parts}, st.sampled_from(["all", "any"]), st.lists(inner, min_size=1, max_size=3))
        | inner.map(lambda where: {"not": where})
        | st.lists(leaves(), min_size=1, max_size=3).map(lambda parts: {k: v for part in parts for k, v in part.items()})
    ),
    max_leaves=5,
)


@st.composite
def profiles(draw: st.DrawFn) -> State:
    state = new()
    ago = hours.map(lambda number: T0 - number * HOUR)
    state.last_seen_at = draw(ago)
    state.last_purchase_at = state.first_purchase_at = draw(st.none() | ago)
    state.orders = state.purchase_days = int(state.last_purchase_at is not None)
    state.windows = {name: Window(sorted(draw(st.lists(ago, max_size=4)))) for name in WINDOWS}
    state.scores = {"engagement": Score(draw(st.integers(0, 80)) * 1.0, draw(ago), "cold")}
    state.consents = {"marketing": Consent(draw(st.booleans()), T0, [], draw(st.none() | st.just(T0 + 3 * DAY)))}
    state.ticket_states = {"t-1": Ticket("open", T0)} if draw(st.booleans()) else {}
    return state


hysteresis = st.sampled_from(["scores.engagement", "windows.views"]).map(
    lambda path: {path: {"at_least": 3, "leave_below": 2}}
)


def a_reader() -> State:
    """Return a profile with two views, of which the first will be forgotten in a day."""
    state = new()
    state.last_seen_at = T0
    state.windows = {"views": Window([T0 - 4 * DAY, T0])}
    return state


@settings(max_examples=300)
@given(wheres | hysteresis, profiles(), st.booleans())
@example({"not": {"not": {"windows.views": {"at_least": 2}}}}, a_reader(), True)
@example({"not": {"windows.views": {"at_least": 2}}}, a_reader(), False)
@example({"windows.views": 1}, a_reader(), False)
@example({"activity.hours_since_seen": {"below": 24}}, a_reader(), False)
@example({"windows.views": 2}, a_reader(), False)
def test_nobody_moves_before_it_is_foreseen(where: dict[str, Any], state: State, nested: bool) -> None:
    named = {"two": {"where": {"not": {"segments.one": True}}}} if nested else {}
    rules = compiled(windows=WINDOWS, segments={"one": {"where": where}, **named})
    state.looked_at, instant = T0, T0
    move(state, rules.segments.ordered, T0)
    while (due := next_due(state, rules)) is not None and due <= T0 + HORIZON:
        keep_still(state, rules.segments.ordered, instant, due)
        let_pass(state, rules, due)
        instant = due
    keep_still(state, rules.segments.ordered, instant, T0 + HORIZON)


def keep_still(state: State, ordered: Any, start: Micros, due: Micros) -> None:
    """Nobody moves from `start` until shortly before `due`: the risk is foreseen in whole seconds."""
    still = max(due - SECOND - 2 * MILLISECOND, start)
    inside = set(members(state))
    for part in range(31):
        now = start + (still - start) * part // 30
        for segment in ordered:
            assert segment.holds(state, now, segment.name in inside) == (segment.name in inside), (segment.name, now - T0)

"""What the demo sums up of all profiles, and the table of segments."""

import io
from decimal import Decimal
from typing import Any

from rich.console import Console

from agents.demo.worth import by_group, by_risk, worth_table
from agents.pages.segments import NOBODY, Listed, Size, segments_table
from core.rules import compile_rules
from core.times import DAY
from core.view import view
from schemas.profile import Profile
from tests import factories as make
from tests.unit.pipeline import T0, Pipeline, at
from tests.unit.test_profile_page import MODEL, RULES, SHIPPED, UTC


def printed(table: Any) -> str:
    out = io.StringIO()
    Console(file=out, width=80).print(table)
    return out.getvalue()


def customers() -> list[Profile]:
    """One who bought thrice and lately, one who bought thrice long ago, one who never did."""
    flow = Pipeline(RULES)
    lately = flow.feed_all([make.a_receipt("900", **at(day * 100 * DAY)) for day in range(3)])
    often = [make.a_receipt("20", customer_id="c-2", **at(-day * DAY)) for day in range(3)]
    gone, never = flow.feed_all(often, "c-2"), flow.feed_all([make.a_product_viewed(customer_id="c-3")], "c-3")
    states = {"c-1": lately, "c-2": gone, "c-3": never}
    valued = compile_rules(SHIPPED, UTC, MODEL)
    return [view(key, state, valued, T0 + 201 * DAY) for key, state in states.items()]


def test_buyers_are_summed_by_group_and_by_risk() -> None:
    profiles = customers()
    groups = {one.name: one.customers for one in by_group(profiles, "RUB")}
    assert groups == {"may become loyal": 1, "lost": 1}
    risks = by_risk(profiles, "RUB")
    assert {one.name: one.customers for one in risks} == {"75% and more": 1, "below 25%": 1}
    worth = sum((Decimal((profile.value.lifetime_value or {}).get("RUB", "0")) for profile in profiles), Decimal(0))
    assert sum(one.lifetime_value for one in risks) == worth > 0
    text = printed(worth_table("Who may leave", "churn risk", risks, "RUB"))
    assert "lifetime value, RUB" in text
    last = text.splitlines()[-2]
    assert "all" in last and f"{worth:,.0f}" in last and "2" in last


def test_nobody_sums_up_to_nothing() -> None:
    assert by_group([], "RUB") == []
    assert "0%" in printed(worth_table("Nobody", "group", [], "RUB"))


def test_segments_are_a_table_that_fits() -> None:
    listed = [
        Listed("regulars", "bought at least four times, and lately", Size(1_234, 5, 6), ["reachable_regulars", "may_leave"]),
        Listed("gone", None, Size(1, 0, 0), []),
        Listed("untitled", "", NOBODY, []),
    ]
    text = printed(segments_table(listed))
    assert max(map(len, text.splitlines())) <= 80
    assert "regulars 1,234 5 6 bought at least four times, and lately; used by" in " ".join(text.split())
    assert "gone 1 0 0 not in the rules any more untitled 0 0 0" in " ".join(text.split())
    assert listed[0].document()["members"] == 1_234

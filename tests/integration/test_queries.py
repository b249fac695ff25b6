"""Every query of the library on the demo's events, against what pandas makes of the same events."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from core.outcomes import Said
from sinks.queries import call_of
from tests.reference.analyst import cools_at
from tests.support.house import QUERIES, House

pytestmark = [pytest.mark.embedded, pytest.mark.timeout(300)]
HALF_LIFE_DAYS = 14
ALL = 100_000


def test_the_data_has_what_the_queries_look_for(house: House) -> None:
    outcomes = Counter(type(outcome).__name__ for outcome, _, _ in house.scored.outcomes)
    assert outcomes["Rejected"] > 3
    assert outcomes["Applied"] > 15
    assert len(house.states) < len(house.scored.profiles)


def test_cart_without_order(house: House) -> None:
    rows = house.ask("cart_without_order", days=40, limit=ALL)
    found = {key: (cart, None if order.year == 1970 else order) for key, cart, order, _ in rows}
    assert found == house.analyst.cart_without_order(40)
    assert len(found) > 3
    assert [row[3] for row in rows] == sorted((row[3] for row in rows), reverse=True)


def test_lapsed_regulars(house: House) -> None:
    expected = house.analyst.lapsed_regulars(10, 30)
    assert house.ask("lapsed_regulars", limit=ALL) == expected
    assert len(expected) > 3


def test_valuable_and_unhappy(house: House) -> None:
    rows = house.ask("valuable_and_unhappy", best=0.5, limit=ALL)
    assert [row[:4] for row in rows] == house.analyst.valuable_and_unhappy(0.5)
    assert rows


def test_warmest_customers(house: House) -> None:
    rows = house.ask("warmest_customers", limit=ALL)
    scores = house.scores(datetime.now(UTC))
    assert len(rows) > 100
    for key, points, rules in rows:
        assert min(max(points, 0), 100) == pytest.approx(scores[key], abs=0.06), key
        assert rules
    assert [row[1] for row in rows] == sorted((row[1] for row in rows), reverse=True)


def test_warmth_distribution(house: House) -> None:
    bars = Counter(min(int(value // 10) * 10, 90) for value in house.scores(datetime.now(UTC)).values())
    assert {row[0]: row[2] for row in house.ask("warmth_distribution")} == bars
    good = sum(state.scores["fit"].band == "good" for state in house.states.values() if "fit" in state.scores)
    assert sum(row[3] for row in house.ask("warmth_distribution")) == good > 0


def test_about_to_cool(house: House) -> None:
    scores, floors = house.scores(house.now), {"warm": 17, "hot": 57}
    expected = {}
    for key, value in scores.items():
        band = house.judge.profile(key)["scores"]["engagement"]["band"]
        if band in floors and floors[band] < value < 100:  # a score beyond what is shown cools later
            at = cools_at(value, floors[band], house.now, HALF_LIFE_DAYS)
            if at < house.now + timedelta(days=30):
                expected[key] = (band, at, house.states[key].orders)
    rows = [row for row in house.ask("about_to_cool", within_days=30, limit=ALL) if row[2] < 100]
    assert {row[0] for row in rows} == expected.keys()
    assert len(rows) > 3
    for key, band, _, at, orders in rows:
        assert (band, orders) == (expected[key][0], expected[key][2])
        assert abs(at - expected[key][1]) < timedelta(seconds=5)


def members(house: House) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for key, state in house.states.items():
        for name, known in (state.memberships or {}).items():
            if known.member:
                found.setdefault(name, set()).add(key)
    return found


def test_segment_sizes(house: House) -> None:
    since = house.now - timedelta(hours=24)
    recent = [move for move in house.said("segment_changes") if datetime.fromisoformat(move["occurred_at"]) > since]
    came = Counter(move["segment"] for move in recent if move["change"] == "entered")
    went = Counter(move["segment"] for move in recent if move["change"] == "left")
    known = members(house)
    expected = [(name, len(known.get(name, ())), came[name], went[name]) for name in sorted({*known, *came, *went})]
    assert house.ask("segment_sizes") == expected
    assert len(known) > 2


def test_segment_overlap(house: House) -> None:
    known = members(house)
    expected = [
        (
            one,
            other,
            len(known[one] & known[other]),
            round(len(known[one] & known[other]) / len(known[one] | known[other]), 4),
        )
        for one in sorted(known)
        for other in sorted(known)
        if one <= other and known[one] & known[other]
    ]
    assert house.ask("segment_overlap") == expected
    one, other = sorted(known)[:2]
    assert {row[:2] for row in house.ask("segment_overlap", segments=f"['{one}', '{other}']")} <= {
        (one, one), (one, other), (other, other),
    }  # fmt: skip


def was_member(house: House, segment: str, day: date) -> dict[str, datetime]:
    """Who was in a segment at the end of a day, by the messages, and since when."""
    latest: dict[str, tuple] = {}
    for move in house.said("segment_changes"):
        at = datetime.fromisoformat(move["occurred_at"])
        if move["segment"] == segment and at.date() <= day:
            latest[move["customer_key"]] = max(latest.get(move["customer_key"], ()), (at, move["seq"], move["change"]))
    return {key: at for key, (at, _, change) in latest.items() if change == "entered"}


@pytest.mark.parametrize("days", [0, 20, 200])
def test_members_on(house: House, days: int) -> None:
    day = house.now.date() - timedelta(days=days)
    for segment in members(house):
        rows = house.ask("members_on", segment=segment, day=day)
        expected = was_member(house, segment, day)
        assert {row[0] for row in rows} == expected.keys(), segment
        assert all(abs(row[2] - expected[row[0]]) < timedelta(milliseconds=1) for row in rows)
        assert all(row[3] for row in rows)


def test_segment_sizes_by_day(house: House) -> None:
    rows = house.ask("segment_sizes_by_day", days=60)
    assert len({row[1] for row in rows}) == 61
    moves = Counter((move["segment"], move["occurred_at"][:10], move["change"]) for move in house.said("segment_changes"))
    for segment, day, entered, left, size in rows:
        assert (entered, left) == (moves[segment, str(day), "entered"], moves[segment, str(day), "left"])
        before = [(change, n) for (name, at, change), n in moves.items() if name == segment and at <= str(day)]
        assert size == sum(n if change == "entered" else -n for change, n in before)


def test_score_history(house: House) -> None:
    joined = [key for key, state in house.states.items() if state.aliases]
    assert joined
    for key in joined[:5]:
        rows = house.ask("score_history", customer=key)
        (alias, *_) = house.scored.profiles[key].aliases
        again = house.ask("score_history", customer=alias)
        assert [row[:5] + row[6:] for row in again] == [row[:5] + row[6:] for row in rows]  # points fade meanwhile
        assert [row[0] for row in rows] == sorted(row[0] for row in rows)
        total = sum(row[5] for row in rows)
        assert min(max(total, 0), 100) == pytest.approx(house.scores(datetime.now(UTC))[key], abs=0.1)
        moved = {
            move["cause"].get("event_id")
            for move in house.said("changes")
            if move["customer_key"] in (key, alias) and move["score"] == "engagement"
        }
        assert {row[2] for row in rows if row[7]} <= moved


def test_top_movers(house: House) -> None:
    since = house.now - timedelta(days=30)
    expected: Counter[str] = Counter()
    for outcome, _, _ in house.scored.outcomes:
        row = outcome.row if isinstance(outcome, Said) else {}
        if row.get("contributions.rule"):
            of = zip(*(row[f"contributions.{part}"] for part in ("score", "points", "occurred_at")), strict=True)
            moved = sum(points for score, points, at in of if score == "engagement" and datetime.fromisoformat(at) > since)
            expected[house.survivor(row["customer_key"])] += moved
    rows = house.ask("top_movers", days=30, limit=ALL)
    assert {row[0]: row[1] for row in rows} == pytest.approx(
        {key: n for key, n in expected.items() if abs(n) >= 0.05}, abs=0.06
    )
    assert [abs(row[1]) for row in rows] == sorted((abs(row[1]) for row in rows), reverse=True)
    assert all(row[3] for row in rows)


def test_rfm_cells(house: House) -> None:
    rows = house.ask("rfm_cells")
    assert {row[0] for row in rows} == {"USD"}
    assert [(row[4], *row[5:]) for row in rows] == house.analyst.rfm_cells()
    assert all(row[4] == f"{row[1]}{row[2]}{row[3]}" for row in rows)


def test_rfm_moves(house: House) -> None:
    rows = house.ask("rfm_moves", days=60)
    assert {(row[1], row[2]): row[3:] for row in rows} == house.analyst.rfm_moves(60)
    assert any(row[1] != "new" for row in rows)


def test_funnel_by_source(house: House) -> None:
    expected = house.analyst.funnel_by_source(120, 168)
    assert house.ask("funnel_by_source", days=120) == expected
    assert sum(row[5] for row in expected) > 0


def test_cohort_retention(house: House) -> None:
    assert house.ask("cohort_retention") == house.analyst.cohort_retention(12)


def test_value_by_cohort(house: House) -> None:
    rows = house.ask("value_by_cohort")
    assert [(cohort, month, size, net) for cohort, _, month, size, net, _ in rows] == house.analyst.value_by_cohort(12)
    assert all(row[5] == pytest.approx(row[4] / row[3], abs=Decimal("0.01")) for row in rows)


def test_sessions_by_day(house: House) -> None:
    expected = house.analyst.sessions_by_day(60)
    found = {(day, source): tuple(rest) for day, source, *rest in house.ask("sessions_by_day", days=60)}
    assert found.keys() == expected.keys()
    for place, figures in found.items():
        assert figures == pytest.approx(expected[place], abs=0.06), place


def test_top_paths(house: House) -> None:
    expected = house.analyst.top_paths(60, 3)
    rows = house.ask("top_paths", days=60, steps=3, limit=ALL)
    assert {row[0]: row[1] for row in rows} == expected
    assert rows[0][3] == round(rows[0][1] / expected.total(), 4)


def test_reasons_by_month(house: House) -> None:
    assert house.ask("reasons_by_month") == house.analyst.reasons_by_month(12)


def test_satisfaction_by_month(house: House) -> None:
    assert house.ask("satisfaction_by_month") == house.analyst.satisfaction_by_month(12)


def test_won_rate_by_script(house: House) -> None:
    rows = house.ask("won_rate_by_script")
    assert rows == house.analyst.won_rate_by_script(365)
    assert len({row[0] for row in rows}) == 3


def test_days_to_purchase(house: House) -> None:
    expected = house.analyst.days_to_purchase(365)
    found = {source: tuple(rest) for source, *rest in house.ask("days_to_purchase")}
    assert found.keys() == expected.keys()
    for source, figures in found.items():
        assert figures == pytest.approx(expected[source], abs=0.006), source


@pytest.mark.parametrize("by", ["product", "category"])
def test_basket_affinity(house: House, by: str) -> None:
    expected = house.analyst.basket_affinity(90, 8, by)
    rows = house.ask("basket_affinity", at_least=8, by=by, limit=ALL)
    assert {(one, other): baskets for one, other, baskets, *_ in rows} == {pair: n for pair, (n, *_) in expected.items()}
    for one, other, _, support, confidence, lift in rows:
        assert (support, confidence, lift) == pytest.approx(expected[one, other][1:], abs=0.001)
    assert rows


def test_campaign_effect(house: House) -> None:
    expected = house.analyst.campaign_effect(60, 7)
    rows = house.ask("campaign_effect", days=60)
    found = {
        (source, medium, name): (visitors, buyers, orders, revenue)
        for source, medium, name, _, visitors, buyers, orders, revenue, _ in rows
    }
    assert found == expected
    assert all(row[8] == round(row[5] / row[4], 4) for row in rows)


def test_late_and_flagged(house: House) -> None:
    expected = house.analyst.late_and_flagged(90)
    rows = house.ask("late_and_flagged", days=90)
    assert {(row[0], row[1]): (row[2], row[3], row[5]) for row in rows} == expected
    assert sum(row[3] for row in rows) > 5


def test_dead_letters_by_reason(house: House) -> None:
    rows = house.ask("dead_letters_by_reason", days=400)
    bad = sum(one.event["event_id"].startswith("bad-") for one in house.sent)
    assert [(row[0], row[2], row[3]) for row in rows] == [("support-ticket", "invalid_field", bad)]


def test_every_query_is_tested_here() -> None:
    assert {name.removeprefix("test_") for name in globals() if name.startswith("test_")} >= QUERIES.keys()


def test_every_query_is_a_view_of_the_same_name(house: House) -> None:
    for query in QUERIES.values():
        given = [parameter if parameter.default else parameter._replace(default="x") for parameter in query.parameters]
        call = call_of(query._replace(parameters=tuple(given)))
        columns = house.reader.ask(f"SELECT * FROM {call} LIMIT 0").columns
        assert list(columns) == list(query.columns), query.name

"""Sessions, tickets and churn of the reference by hand, and of the pipeline against the reference."""

from pathlib import Path
from typing import Any

import pytest

from core.outcomes import Accepted
from core.service import urgent_open
from core.view import view
from streams.rules_files import read_plan, read_rules
from streams.traffic_files import read_traffic
from tests.reference.generator import NOW, records
from tests.reference.judge import Judge, load_rules
from tests.unit.pipeline import ARecord, Pipeline
from tests.unit.test_reference import DAY, MINUTE, Case

RULES = Path(__file__).parents[2] / "rules"


def test_sessions_of_the_reference():
    case, said = Case(), []
    for minutes in (0, 60, 30, 29, 0, 60 * 24 * 2, 60 * 24 * 2 - 60 * 24, 60 * 24 * 2 - 60 * 24 - 1):
        case.site("app_opened", minutes * MINUTE / DAY, event_id=f"e-{len(said)}")
        session = case.judge.session_ids[f"site-interaction:i:0:{len(said)}"]
        said.append(session)
    starts = (0, 60, 30, 0, 0, 60 * 48, 60 * 24)
    assert said == [str(NOW + start * MINUTE) for start in starts] + [""]
    assert case.judge.profile("c")["sessions"] == 4  # of 0, 29 and 30; of 60; of the next day; of the day after
    case.feed("support-ticket", "ticket_opened", 9, ticket_id="t")
    assert (case.judge.session_ids["support-ticket:i:0:8"], case.judge.profile("c")["sessions"]) == ("", 4)


def test_tickets_of_the_reference():
    case = Case()
    words: list[tuple[int, str, str, dict]] = [
        (4, "replied", "x", {"by": "agent"}),
        (1, "replied", "x", {"by": "agent"}),
        (3, "replied", "x", {"by": "customer"}),
        (2, "opened", "x", {"priority": "low"}),
        (5, "opened", "x", {"priority": "urgent"}),
        (6, "reopened", "x", {}),
        (5, "opened", "y", {}),
        (9, "replied", "y", {"by": "agent"}),
        (9, "closed", "y", {}),
        (7, "opened", "z", {"priority": "urgent"}),
        (7, "solved", "z", {}),
        (7, "solved", "w", {}),
    ]
    for day, word, ticket, fields in words:
        case.feed("support-ticket", f"ticket_{word}", day, ticket_id=ticket, **fields)
    profile = case.judge.profile("c")
    assert (profile["tickets"], profile["reopened"]) == (3, 1)
    assert (profile["open_tickets"], profile["urgent_open"]) == (2, 2)
    assert profile["first_response_secs"] == (2 + 4) / 2 * 86_400


def test_churn_of_the_reference():
    case = Case().feed("support-ticket", "survey_answered", 0, survey="leaving", reason="bad_service")
    for rating in (1, 2, 5):
        case.feed("support-ticket", "ticket_rated", 1, ticket_id="t", rating=rating, scale="stars5")
    churn = case.judge.profile("c")["churn_at"]
    assert churn(NOW + 91 * DAY) == {
        "risk": pytest.approx(1 - 0.5 * 0.5 * (1 - 0.8 / 3)),
        "reasons": ["quiet for 90 days", "said: bad service", "2 of 3 answers unsatisfied"],
    }
    assert churn(NOW + 2 * DAY, alive=(0.25, NOW + DAY))["reasons"][0] == "25% likely to buy again, last purchase 1 day ago"
    case.feed("support-ticket", "survey_answered", 2, survey="staying", reason="habit")
    case.feed("support-ticket", "survey_answered", 2, survey="nps", score=6)
    case.feed("support-ticket", "ticket_opened", 2, ticket_id="t", priority="urgent")
    assert case.judge.profile("c")["churn_at"](NOW + 2 * DAY) == {
        "risk": pytest.approx(1 - (1 - 0.8 / 3) * 0.8 * 0.85),
        "reasons": ["2 of 3 answers unsatisfied", "1 ticket open, 1 of them urgent", "would not recommend us"],
    }


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_pipeline_says_what_the_reference_says(seed):
    judge, rules = Judge(load_rules(RULES)), read_rules(RULES)
    settings = {"hash_key": b"warmth", "plan": read_plan(RULES), "traffic": read_traffic(RULES), "max_bytes": 1 << 20}
    pipeline = Pipeline(rules, **settings)
    sessions = {}
    for offset, (topic, _, value, received) in enumerate(records(seed, 4_000, 60)):
        outcome, at = pipeline.advance(topic, ARecord(offset, value, timestamp=received))
        judge.feed(topic, value, received, at.id)
        if isinstance(outcome, Accepted):
            sessions[at.id] = outcome.row.get("session_id", "")
            scored = "traffic" not in outcome.row
            assert outcome.late is (scored and topic == "site-interaction" and not sessions[at.id])
    assert sessions == judge.session_ids
    assert pipeline.profiles.keys() == judge.profiles.keys()
    for key, state in pipeline.profiles.items():
        for later in (0, 100 * DAY):
            now = max(state.last_seen_at // 1000, NOW) + later
            shown = view(key, state, rules, now * 1000).model_dump(mode="json")
            _compare(shown, judge.profile(key), now)
        assert urgent_open(state) == judge.profile(key)["urgent_open"]


def _compare(shown: dict[str, Any], expected: dict[str, Any], now: int) -> None:
    service, churn = shown["service"], expected["churn_at"](now)
    assert shown["activity"]["sessions"] == expected["sessions"]
    for name in ("tickets", "open_tickets", "reopened", "leaving_reason", "staying_reason"):
        assert service[name] == expected[name], name
    assert service["first_response_secs"] == pytest.approx(expected["first_response_secs"])
    assert shown["churn"]["risk"] == pytest.approx(churn["risk"], abs=1e-9)
    assert shown["churn"]["reasons"] == churn["reasons"]

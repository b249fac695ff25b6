"""The profile as people read it, made by the reference: each part in the words of the public contract."""

import math
from collections import Counter, defaultdict
from typing import Any, NamedTuple

from tests.reference import scores
from tests.reference.events import milliseconds, number
from tests.reference.facts import alive
from tests.reference.judge import Judge, Profile
from tests.reference.scores import DAY

KEPT = 20


class At(NamedTuple):
    """An instant in milliseconds."""

    at: int


class Soon(NamedTuple):
    """An instant in milliseconds, or up to three later."""

    at: float


class Recent(NamedTuple):
    """Contributions that must be there, and those that may: what was given at once can be cut anywhere."""

    surely: Counter
    maybe: Counter


class Members(NamedTuple):
    """Segments that somebody is in for sure, and those that they may be in."""

    surely: set[str]
    maybe: set[str]


def shown(judge: Judge, key: str, now: int, patience: int = 0) -> dict[str, Any]:
    """The profile at an instant in milliseconds; segments may be late by `patience`."""
    profile, parts = judge.profiles[key], judge.profile(key)
    worth = judge.worth(key, profile.parameters, now)
    churn = parts["churn_at"](now, alive(parts, worth["p_alive"]))
    return {
        "customer_key": key,
        "identities": identities(profile, key),
        "activity": {
            **{name: instant(parts[name]) for name in ("first_seen_at", "last_seen_at")},
            **{name: parts[name] for name in ("sessions", "page_views", "active_secs")},
        },
        "scores": {name: score_view(profile, name, now) for name in parts["scores"]},
        "grade": parts["grade"],
        "contributions": recent(profile),
        "value": {
            **{name: parts[name] for name in ("orders", "revenue", "refunded", "average_order", "deals")},
            **{name: instant(parts[name]) for name in ("first_purchase_at", "last_purchase_at")},
            **worth,
            "rfm": rfm(worth["rfm"], judge.previous_cell(key, now)),
            "loyalty": loyalty(profile),
        },
        "service": service(parts),
        "churn": churn,
        "segments": members(judge, key, now, patience),
        "memberships": members(judge, key, now, patience),
        "windows": {
            name: {"count": count, "next_drop": instant(falls_at)}
            for name, (count, falls_at) in judge.windows(key, max(now, profile.judged)).items()
        },
        "trait_sources": {
            name: {"source": event.fields.get("source") or "crm", "at": At(event.at)}
            for name, (_, event) in scores.trait_words(profile.with_traits).items()
        },
        "traits": {name: value if number(value) is None else number(value) for name, value in parts["traits"].items()},
        "consents": {
            purpose: {
                "state": parts["consents"][purpose],
                "channels": sorted(word.fields.get("channels") or ()),
                "valid_until": (end := word.fields.get("valid_until")) and At(milliseconds(end)),
            }
            for purpose, word in parts["consent_words"].items()
        },
        "blocked": parts["blocked"],
    }  # fmt: skip


def members(judge: Judge, key: str, now: int, patience: int) -> Members:
    """Who is in; while processing is blocked, time moves nobody, so nothing is sure."""
    profile = judge.profiles[key]
    looks = [judge.memberships(key, max(now - late, profile.judged)) for late in {0, patience}]
    if judge.profile(key)["blocked"]:
        return Members(set(), set(profile.rules["segments"]))
    return Members(set.intersection(*(surely for surely, _ in looks)), set.union(*(maybe for _, maybe in looks)))


def instant(at: int | None) -> At | None:
    return None if at is None else At(at)


def identities(profile: Profile, key: str) -> dict[str, Any]:
    named = [event.fields["customer_id"] for event in profile.events if "customer_id" in event.fields]
    visitors = {event.fields["anonymous_id"] for event in profile.events if "anonymous_id" in event.fields}
    links: dict[str, int] = {}
    for event in profile.events:
        for id_type in event.claims.values():
            if id_type != "anonymous":
                links[id_type] = min(event.at, links.get(id_type, event.at))
    return {
        "customer_id": named[0] if named else None,
        "anonymous_ids": sorted(visitor for visitor in visitors if key != "a:" + visitor),
        "links": [{"id_type": id_type, "linked_at": At(at)} for id_type, at in sorted(links.items())],
        "customer_ids": [],
    }


def score_view(profile: Profile, name: str, now: int) -> dict[str, Any]:
    score, points = profile.rules["scores"][name], profile.points[name]
    rank = profile.ranks[name]
    return {
        "value": scores.shown(score, points, max(now, profile.judged)),
        "band": score["bands"][rank]["name"],
        "next_change": next_change(score, points, rank, now),
    }


def next_change(score: dict, points: scores.Points, rank: int, now: int) -> dict[str, Any] | None:
    """When decay will take the score out of its band, and to which."""
    days, edge = score.get("half_life_days"), score["bands"][rank]["from"] - score.get("hysteresis", 0)
    left = scores.total(score, points, now) if days else 0.0
    if not rank or edge <= max(0.0, score.get("shown_from", 0)) or left < edge:
        return None
    return {"at": Soon(now + days * DAY * math.log2(left / edge)), "band": score["bands"][rank - 1]["name"]}


def recent(profile: Profile) -> Recent:
    """The latest by the time that they count at; of one instant, those that arrived later are later."""
    by_time: dict[tuple[float, int], Counter] = defaultdict(Counter)
    for arrival, given in enumerate(profile.given):
        for rule, points, when in given:
            by_time[when, arrival][rule["id"], rule["score"], round(points, 6), int(when)] += 1
    surely: Counter = Counter()
    for at_once in (by_time[place] for place in sorted(by_time, reverse=True)):
        if (surely + at_once).total() >= KEPT:
            return Recent(surely, surely + at_once)
        surely += at_once
    return Recent(surely, surely)


def rfm(cell: str | None, before: str | None) -> dict[str, Any] | None:
    if cell is None:
        return None
    digits = zip(("recency", "frequency", "monetary"), map(int, cell), strict=True)
    return {**dict(digits), "cell": cell, "previous_cell": before}


def loyalty(profile: Profile) -> dict[str, Any] | None:
    words = [event for event in profile.events if event.type == "loyalty_changed"]
    if not words:
        return None
    latest = max(words, key=lambda word: word.at).fields
    return {"balance": float(latest["balance"]), "tier": latest.get("tier")}


def service(parts: dict[str, Any]) -> dict[str, Any]:
    satisfied, answers = parts["csat"]
    score = parts["nps"]
    group = None if score is None else "promoter" if score > 8 else "passive" if score > 6 else "detractor"
    names = ("tickets", "open_tickets", "reopened", "first_response_secs", "leaving_reason", "staying_reason")
    return {
        **{name: parts[name] for name in names},
        "last_contact_at": instant(parts["last_contact_at"]),
        "csat": {"satisfied": satisfied, "answers": answers} if answers else None,
        "nps": None if score is None else {"score": score, "group": group},
    }

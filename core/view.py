"""The profile as people and programs read it, from the state that the table keeps."""

from decimal import Decimal
from typing import Any

from core import service, sessions
from core.churn import churn
from core.identity import is_customer
from core.rules import CompiledRules
from core.scores import next_fall, value_at
from core.segments import members
from core.state import State
from core.times import Micros, iso, iso_or_none
from core.value import (
    Facts,
    ValueModel,
    cell_of,
    expected_purchases,
    facts_of,
    lifecycle,
    lifetime_value,
    p_alive,
    previous_cell,
)
from schemas.profile import Profile


def view(key: str, state: State, rules: CompiledRules, as_of: Micros) -> Profile:
    """Return the profile of `key`, shown for `as_of` or the customer's latest event, whichever is later."""
    now = max(as_of, state.last_seen_at or 0, state.told_at)
    document = {
        "customer_key": key,
        "seq": state.seq,
        "as_of": iso(now),
        "identities": {
            "customer_id": state.customer_id,
            "anonymous_ids": state.anonymous_ids,
            "customer_ids": sorted(filter(is_customer, state.parts or {})),
            "links": [{"id_type": id_type, "linked_at": iso(at)} for id_type, at in sorted(state.links.items())],
        },
        "activity": {
            "first_seen_at": iso_or_none(state.first_seen_at),
            "last_seen_at": iso_or_none(state.last_seen_at),
            "sessions": sessions.count(state),
            "page_views": state.page_views,
            "active_secs": state.active_secs,
        },
        "scores": _scores(state, rules, now),
        "grade": rules.grade({name: score.band for name, score in state.scores.items()}),
        "contributions": [
            {"rule": c.rule, "score": c.score, "points": c.points, "occurred_at": iso(c.occurred_at)}
            for c in state.contributions
        ],
        "value": {**_value(state), **_outlook(state, rules.value_model, now)},
        "service": _service(state),
        "churn": churn(state, now, rules.value_model)._asdict(),
        "segments": members(state),
        "memberships": _memberships(state),
        "windows": _windows(state, rules, now),
        "next_change": None if state.due is None else {"at": iso(state.due)},
        "traits": {name: trait.value for name, trait in sorted(state.traits.items())},
        "trait_sources": {
            name: {"source": trait.source, "at": iso(trait.at)} for name, trait in sorted(state.traits.items())
        },
        "consents": _consents(state),
        "blocked": state.is_blocked,
    }
    return Profile.model_validate(document)


def _scores(state: State, rules: CompiledRules, now: Micros) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for name, score in state.scores.items():
        scale = rules.scales.get(name)
        if scale is None:  # a score that the present rules do not know
            continue
        fall = next_fall(score, scale)
        shown[name] = {
            "value": value_at(score, now, scale),
            "band": score.band,
            "next_change": None if fall is None else {"at": iso(fall[0]), "band": fall[1]},
        }
    return shown


def _money(amount: Decimal) -> str:
    """Return a decimal string with at least two places."""
    places = -int(amount.normalize().as_tuple().exponent)
    return f"{amount:.{max(2, places)}f}"


def _value(state: State) -> dict[str, Any]:
    deals = list(state.deals.values())
    won_amount: dict[str, Decimal] = {}
    for deal in deals:
        if deal.stage == "won" and deal.amount is not None and deal.currency is not None:
            won_amount[deal.currency] = won_amount.get(deal.currency, Decimal(0)) + deal.amount
    net = {currency: total - state.refunded.get(currency, Decimal(0)) for currency, total in state.revenue.items()}
    return {
        "orders": state.orders,
        "revenue": {currency: _money(total) for currency, total in state.revenue.items()},
        "refunded": {currency: _money(total) for currency, total in state.refunded.items()},
        "average_order": {
            c: _money((total / state.orders).quantize(Decimal("0.01"))) for c, total in net.items() if state.orders
        },
        "first_purchase_at": iso_or_none(state.first_purchase_at),
        "last_purchase_at": iso_or_none(state.last_purchase_at),
        "deals": {
            **{stage: sum(deal.stage == stage for deal in deals) for stage in ("open", "won", "lost")},
            "won_amount": {currency: _money(total) for currency, total in won_amount.items()},
        },
        "loyalty": None
        if state.loyalty is None
        else {"balance": float(state.loyalty.value[0]), "tier": state.loyalty.value[1]},
    }


def _outlook(state: State, model: ValueModel | None, now: Micros) -> dict[str, Any]:
    facts = facts_of(state)
    if facts is None:
        return dict.fromkeys(("rfm", "lifecycle", "p_alive", "expected_purchases", "lifetime_value"))
    values = lifetime_value(facts, model, now)
    return {
        "rfm": _rfm(state, facts, model, now),
        "lifecycle": lifecycle(facts, model, now),
        "p_alive": p_alive(facts, model, now),
        "expected_purchases": expected_purchases(facts, model, now),
        "lifetime_value": None if values is None else {currency: f"{value:.2f}" for currency, value in values.items()},
    }


def _rfm(state: State, facts: Facts, model: ValueModel | None, now: Micros) -> dict[str, Any] | None:
    cell = cell_of(facts, model, now)
    if model is None or cell is None:
        return None
    return {**cell._asdict(), "cell": cell.name, "previous_cell": previous_cell(state, facts, model, now)}


def _service(state: State) -> dict[str, Any]:
    nps = state.nps
    return {
        "tickets": state.tickets,
        "open_tickets": service.open_tickets(state),
        "reopened": state.reopened,
        "first_response_secs": service.first_response_secs(state),
        "last_contact_at": iso_or_none(state.last_contact_at),
        "csat": {"satisfied": state.csat_satisfied, "answers": state.csat_answers} if state.csat_answers else None,
        "nps": None if nps is None else {"score": nps.value, "group": service.nps_group(state)},
        "leaving_reason": None if state.leaving is None else state.leaving.value,
        "staying_reason": None if state.staying is None else state.staying.value,
    }


def _consents(state: State) -> dict[str, Any]:
    return {
        purpose: {
            "state": "given" if consent.given else "withdrawn",
            "channels": consent.channels,
            "valid_until": iso_or_none(consent.valid_until),
        }
        for purpose, consent in sorted(state.consents.items())
    }


def _windows(state: State, rules: CompiledRules, now: Micros) -> dict[str, Any]:
    known = state.windows or {}
    return {
        name: {"count": scale.counted(known.get(name), now), "next_drop": iso_or_none(scale.next_drop(known.get(name), now))}
        for name, scale in sorted(rules.windows.items())
    }


def _memberships(state: State) -> list[dict[str, Any]]:
    known = sorted((state.memberships or {}).items())
    return [{"segment": name, "since": iso(membership.at)} for name, membership in known if membership.member]

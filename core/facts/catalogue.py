"""The facts by name."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final, TypeVar

from core import sessions
from core.facts.kinds import ALL, SCORES, Fact, Known, Value, field_of, types_of
from core.facts.valued import VALUED, lifetime_value_in
from core.names import nearest
from core.purchases import SALES, SETTLED
from core.scores import falls_to, value_at
from core.service import csat_share, first_response_secs, open_tickets, urgent_open
from core.state import Dated, State
from core.times import DAY, HOUR, Micros

T = TypeVar("T")
_SITE: Final = types_of("site-interaction")
_DEALS: Final = frozenset({"deal_opened", "deal_moved", "deal_won", "deal_lost"})
_CONTACTS: Final = types_of("support-ticket")
_ANSWERS: Final = frozenset({"survey_answered"})
_RATINGS: Final = frozenset({"ticket_rated"})
_TICKETS: Final = _CONTACTS - _ANSWERS - _RATINGS
_AMOUNTS: Final = ("revenue", "refunded", "lifetime_value")
"""Kinds of money, each kept by currency."""
_CONSENTS: Final = types_of("consent")
_TRAITS: Final = frozenset({"customer_identified", "traits_changed"})


def fact(path: str, known: Known) -> Fact:
    """Return the fact that `path` names.

    Raises:
        ValueError: There is none; the message says what there is.
    """
    family, _, name = path.partition(".")
    if path in _PLAIN:
        return _PLAIN[path]
    if path in VALUED:
        return VALUED[path](known.value_model)
    make = _FAMILIES.get(family)
    if make is None or not name:
        hint = nearest(path, [*_PLAIN, *VALUED])
        there_are = f"; there are {', '.join(sorted([*_PLAIN, *VALUED, *(f + '.…' for f in _FAMILIES)]))}"
        raise ValueError(f"no fact is called {path!r}{hint or there_are}")
    return make(name, known)


def _trait(name: str, _known: Known) -> Fact:
    return Fact(lambda state, _: dated.value if (dated := state.traits.get(name)) else None, _TRAITS)


def _consent(purpose: str, _known: Known) -> Fact:
    def value(state: State, now: Micros) -> Value:
        consent = state.consents.get(purpose)
        if consent is None:
            return None
        expired = consent.valid_until is not None and consent.valid_until <= now
        return "given" if consent.given and not expired else "withdrawn"

    def expires_at(state: State, now: Micros, _bound: float) -> Micros | None:
        consent = state.consents.get(purpose)
        until = None if consent is None or not consent.given else consent.valid_until
        return until if until is not None and until > now else None

    return Fact(value, _CONSENTS, changes_at=expires_at, texts=frozenset({"given", "withdrawn"}))


def _score(name: str, known: Known) -> Fact:
    scale = _of(known.scales, name, "score")

    def value(state: State, now: Micros) -> Value:
        score = state.scores.get(name)
        return None if score is None else value_at(score, now, scale)

    def falls_at(state: State, now: Micros, bound: float) -> Micros | None:
        score = state.scores.get(name)
        if (
            score is None
            or scale.half_life is None
            or bound <= max(0.0, scale.shown_from)
            or value_at(score, now, scale) < bound
        ):
            return None
        return falls_to(score, bound, scale.half_life)

    return Fact(value, frozenset({SCORES}), falls_at, is_number=True)


def _band(name: str, known: Known) -> Fact:
    scale = _of(known.scales, name, "score")
    return Fact(
        lambda state, _: score.band if (score := state.scores.get(name)) else None,
        frozenset({SCORES}),
        texts=frozenset(scale.bands),
    )


def _window(name: str, known: Known) -> Fact:
    scale = _of(known.windows, name, "window")

    def value(state: State, now: Micros) -> Value:
        return scale.counted(state.windows.get(name), now) if state.windows else 0

    def falls_at(state: State, now: Micros, _bound: float) -> Micros | None:
        return scale.next_drop(state.windows.get(name), now) if state.windows else None

    return Fact(value, known.window_types[name], falls_at, is_number=True)


def _hours_since(name: str, known: Known) -> Fact:
    scale = _of(known.windows, name, "window")

    def latest(state: State, now: Micros) -> Micros | None:
        return scale.latest(state.windows.get(name), now) if state.windows else None

    return _since(latest, HOUR, known.window_types[name], scale.span)


def _since(
    latest: Callable[[State, Micros], Micros | None], unit: Micros, moved_by: frozenset[str], span: Micros | None = None
) -> Fact:
    """Return the time since an instant, in units of `unit`; it is unknown once `span` has passed."""

    def value(state: State, now: Micros) -> Value:
        at = latest(state, now)
        return None if at is None else (now - at) / unit

    def rises_at(state: State, now: Micros, bound: float) -> Micros | None:
        at = latest(state, now)
        reached = None if at is None else at + round(bound * unit)
        return reached if reached is not None and reached > now else None

    def unknown_at(state: State, now: Micros, _bound: float) -> Micros | None:
        at = latest(state, now)
        return None if at is None or span is None else at + span

    return Fact(value, moved_by, rises_at=rises_at, changes_at=unknown_at if span else None, is_number=True)


def _amount(name: str, known: Known) -> Fact:
    kind, _, currency = name.partition(".")
    if kind not in _AMOUNTS or not currency:
        amounts = [f"value.{one}.CURRENCY" for one in _AMOUNTS]
        hint = nearest(f"value.{name}", [*_PLAIN, *VALUED, *amounts], cutoff=0.9) or f"; there are {', '.join(amounts)}"
        raise ValueError(f"no fact is called 'value.{name}'{hint}")
    if kind == "lifetime_value":
        return lifetime_value_in(currency, known.value_model)

    def value(state: State, _now: Micros) -> Value:
        amounts: dict[str, Decimal] = getattr(state, kind)
        return float(amounts.get(currency, 0))

    return Fact(value, SALES if kind == "revenue" else SETTLED, is_number=True)


def _answer(dated: Dated | None) -> Value:
    value: Value = None if dated is None else dated.value
    return value


def _deals(stage: str) -> Fact:
    return Fact(lambda state, _: sum(deal.stage == stage for deal in state.deals.values()), _DEALS, is_number=True)


def _segment(name: str, known: Known) -> Fact:
    if name not in known.segments:
        raise ValueError(f"no segment is called {name!r}{nearest(name, known.segments)}")
    return Fact(
        lambda state, _: (membership := (state.memberships or {}).get(name)) is not None and membership.member,
        frozenset({f"segment:{name}"}),
    )


def _of(named: Mapping[str, T], name: str, what: str) -> T:
    if name not in named:
        raise ValueError(f"no {what} is called {name!r}{nearest(name, named)}")
    return named[name]


_PLAIN: Final[dict[str, Fact]] = {
    "activity.page_views": field_of("page_views", frozenset({"page_viewed"})),
    "activity.sessions": Fact(lambda state, _: sessions.count(state), _SITE, is_number=True),
    "activity.active_secs": field_of("active_secs", frozenset({"page_pinged"})),
    "activity.hours_since_seen": _since(lambda state, _: state.last_seen_at, HOUR, ALL),
    "value.orders": field_of("orders", SALES),
    "value.days_since_purchase": _since(lambda state, _: state.last_purchase_at, DAY, SALES),
    "value.deals.open": _deals("open"),
    "value.deals.won": _deals("won"),
    "value.deals.lost": _deals("lost"),
    "value.loyalty.tier": Fact(
        lambda state, _: state.loyalty.value[1] if state.loyalty else None, frozenset({"loyalty_changed"})
    ),
    "service.tickets": field_of("tickets", _TICKETS),
    "service.reopened": field_of("reopened", _TICKETS),
    "service.open_tickets": Fact(lambda state, _: open_tickets(state), _TICKETS, is_number=True),
    "service.urgent_tickets": Fact(lambda state, _: urgent_open(state), _TICKETS, is_number=True),
    "service.first_response_secs": Fact(lambda state, _: first_response_secs(state), _TICKETS, is_number=True),
    "service.csat": Fact(lambda state, _: csat_share(state), _RATINGS, is_number=True),
    "service.nps": Fact(lambda state, _: _answer(state.nps), _ANSWERS, is_number=True),
    "service.leaving_reason": Fact(lambda state, _: _answer(state.leaving), _ANSWERS),
    "service.staying_reason": Fact(lambda state, _: _answer(state.staying), _ANSWERS),
    "service.days_since_contact": _since(lambda state, _: state.last_contact_at, DAY, _CONTACTS),
}
_FAMILIES: Final[dict[str, Callable[[str, Known], Fact]]] = {
    "traits": _trait,
    "consents": _consent,
    "scores": _score,
    "bands": _band,
    "windows": _window,
    "hours_since": _hours_since,
    "value": _amount,
    "segments": _segment,
}

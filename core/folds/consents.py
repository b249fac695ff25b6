"""Facts from topic `consent`: grants, withdrawals, blocks."""

from typing import Any, Final

from core.state import Consent, State, latest
from core.times import Micros, micros
from schemas.consent import ConsentGiven, ConsentWithdrawn, ProcessingBlocked, ProcessingUnblocked


def _consent(state: State, event: ConsentGiven | ConsentWithdrawn, at: Micros, *, given: bool) -> None:
    """Keep the latest word to a purpose; at the same instant the withdrawal wins, then whichever sorts last."""
    until = None if event.valid_until is None else micros(event.valid_until)
    new = Consent(given, at, sorted(event.channels or ()), until)
    state.consents[event.purpose] = later_consent(state.consents.get(event.purpose), new)


def later_consent(one: Consent | None, other: Consent) -> Consent:
    """Return the word that holds: the later one, of two of one instant the stricter."""
    return other if one is None else max(one, other, key=_order)


def _order(consent: Consent) -> tuple[Micros, bool, list[str], Micros]:
    return consent.at, not consent.given, consent.channels, consent.valid_until or 0


def consent_given(state: State, event: ConsentGiven, at: Micros) -> None:
    """Note an agreement."""
    _consent(state, event, at, given=True)


def consent_withdrawn(state: State, event: ConsentWithdrawn, at: Micros) -> None:
    """Note a withdrawal."""
    _consent(state, event, at, given=False)


def processing_blocked(state: State, _event: ProcessingBlocked, at: Micros) -> None:
    """Block the profile: what follows is dropped, until it is unblocked."""
    state.blocked = latest(state.blocked, "blocked", at)


def processing_unblocked(state: State, _event: ProcessingUnblocked, at: Micros) -> None:
    """Let the profile be processed again."""
    state.blocked = latest(state.blocked, "allowed", at)


FOLDS: Final[dict[str, Any]] = {
    "consent_given": consent_given,
    "consent_withdrawn": consent_withdrawn,
    "processing_blocked": processing_blocked,
    "processing_unblocked": processing_unblocked,
}

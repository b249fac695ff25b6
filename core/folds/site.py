"""Facts from topic `site-interaction`."""

from typing import Any, Final

from core.state import State
from core.times import Micros
from schemas.site_interaction import PagePinged, PageViewed


def page_viewed(state: State, _event: PageViewed, _at: Micros) -> None:
    """Count the page."""
    state.page_views += 1


def page_pinged(state: State, event: PagePinged, _at: Micros) -> None:
    """Add the time on the page."""
    state.active_secs += event.active_secs


FOLDS: Final[dict[str, Any]] = {"page_viewed": page_viewed, "page_pinged": page_pinged}

"""Step `fold`, fact by fact: what each event type changes in a profile besides its scores.

Every fold gives the same profile for the same set of events in any order. A type that is not named changes only what
all events change (first and last seen, identities, scores).
"""

from collections.abc import Callable
from typing import Any, Final

from core.folds import consents, customers, purchases, site, tickets
from core.state import State
from core.times import Micros

Fold = Callable[[State, Any, Micros], None]

FOLDS: Final[dict[str, Fold]] = {**site.FOLDS, **purchases.FOLDS, **tickets.FOLDS, **customers.FOLDS, **consents.FOLDS}

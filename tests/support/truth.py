"""Compares a profile as the project shows it with what the reference says, field by field."""

from collections import Counter
from decimal import Decimal
from typing import Any

from tests.reference.events import milliseconds
from tests.reference.shown import At, Members, Recent, Soon

CLOSE = 1e-6
CENT = 0.0051
SOON_MS = 3
UNTOLD = ("seq", "as_of", "next_change")
"""Fields that depend on how often and when somebody looked."""


def first_difference(shown: Any, wanted: Any, path: str = "") -> str | None:
    """Return the first field that differs from the reference's, with both values, or None."""
    if isinstance(wanted, dict) and isinstance(shown, dict):
        missing = (wanted.keys() ^ shown.keys()) - (set() if path else set(UNTOLD))
        if missing:
            return f"{path}: only one has {sorted(missing)}"
        below = (first_difference(shown[name], wanted[name], f"{path}.{name}".lstrip(".")) for name in wanted)
        return next((found for found in below if found), None)
    if isinstance(wanted, list) and isinstance(shown, list) and len(wanted) == len(shown):
        below = (first_difference(*pair, f"{path}.{number}") for number, pair in enumerate(zip(shown, wanted, strict=True)))
        return next((found for found in below if found), None)
    return None if _same(shown, wanted) else f"{path}: {shown!r}, not {wanted!r}"


def _same(shown: Any, wanted: Any) -> bool:
    if isinstance(wanted, At | Soon):
        return shown is not None and 0 <= milliseconds(shown) - int(wanted.at) <= (
            SOON_MS if isinstance(wanted, Soon) else 0
        )
    if isinstance(wanted, Recent):
        said = Counter((c["rule"], c["score"], round(c["points"], 6), milliseconds(c["occurred_at"])) for c in shown)
        return wanted.surely <= said <= wanted.maybe
    if isinstance(wanted, Members):
        return wanted.surely <= {one["segment"] if isinstance(one, dict) else one for one in shown} <= wanted.maybe
    if isinstance(wanted, Decimal):
        return Decimal(str(shown)) == wanted
    if isinstance(wanted, float) and shown is not None:
        rounding = CENT if isinstance(shown, str) else CLOSE
        return abs(float(shown) - wanted) <= rounding + CLOSE * abs(wanted)
    return bool(shown == wanted)

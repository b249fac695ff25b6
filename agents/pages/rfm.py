"""Words for RFM cells: eleven groups that tell what to do with a customer; docs/profile.md has them as a table."""

from typing import Final

GROUPS: Final = (
    "champion",
    "loyal",
    "may become loyal",
    "new",
    "promising",
    "needs attention",
    "about to sleep",
    "must not be lost",
    "at risk",
    "hibernating",
    "lost",
)
"""Best first, those who slip away last."""
_BY_RECENCY: Final = {
    5: ("new", "may become loyal", "may become loyal", "champion", "champion"),
    4: ("promising", "may become loyal", "may become loyal", "champion", "champion"),
    3: ("about to sleep", "needs attention", "needs attention", "loyal", "loyal"),
    2: ("hibernating", "hibernating", "at risk", "at risk", "must not be lost"),
    1: ("lost", "lost", "at risk", "at risk", "must not be lost"),
}
"""By recency, and then by the mean of frequency and monetary, 1 to 5."""


def group_of(cell: str) -> str:
    """Return the group of a cell of three digits: recency against the mean of the other two, halves rounded up."""
    recency, frequency, monetary = map(int, cell)
    return _BY_RECENCY[recency][(frequency + monetary + 1) // 2 - 1]

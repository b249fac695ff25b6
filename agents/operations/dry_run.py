"""A draft of the rules tried on all that has happened: nothing is written, and nobody is told."""

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Final

from agents.operations.logs import Advance, bar
from core.comparison import Change, Comparison
from core.history import Past, Rereader
from core.trial import Trial
from schemas.projection import Plan
from schemas.registry import TYPES
from sinks.reading import Reader

_SEVERAL: Final = (
    "SELECT customer_key FROM identity_now"
    " WHERE alias IN (SELECT customer_key FROM events WHERE type IN {types:Array(String)})"
)
"""People with a past under several names."""
_ORDER: Final = f"if(profile_key IN ({_SEVERAL}), received_at, toDateTime64(0, 3)), seq"
"""That in which the scorer folded; for a past under several names that of reception."""
_HISTORY: Final = "FROM events_now WHERE type IN {types:Array(String)} AND traffic = ''"
"""What was folded; bots, our own people and passing time are none of it."""
_COUNT: Final = f"SELECT count() {_HISTORY}"
_EVENTS: Final = f"""
SELECT
    profile_key, type, toUnixTimestamp64Milli(occurred_at), toUnixTimestamp64Milli(received_at),
    customer_id, anonymous_id, source, toString(properties)
{_HISTORY}
ORDER BY profile_key, {_ORDER}
SETTINGS max_block_size = 8192, session_timezone = 'UTC'
"""
"""Each person's past, a block at a time."""
_TYPES: Final = {"types": sorted(TYPES)}
_STEP: Final = 1_000


def dry_run(reader: Reader, present: Trial, draft: Trial, limit: int) -> Comparison:
    """Return how customers would stand under a draft, beside how they stand under the present rules.

    Both fold everything from the first event on, as if either had always held: so only the rules differ.

    Args:
        reader: ClickHouse.
        present: The rules that hold.
        draft: Those to be tried.
        limit: How many customers to keep whom the draft changes most.
    """
    comparison = Comparison(limit, [*present.bands, *draft.bands], [*present.segments, *draft.segments])
    [[events]] = reader.rows(_COUNT, _TYPES)
    with bar("trying", events) as advance:
        for change in changes(reader, present, draft, advance):
            comparison.add(change)
    return comparison


def changes(reader: Reader, present: Trial, draft: Trial, advance: Advance) -> Iterator[Change]:
    """Yield how each customer stands under both; `advance` is told how many events were folded."""
    rereader, folded = Rereader(), 0
    with reader.stream(_EVENTS, _TYPES) as rows:
        for key, past in groupby(rows, key=itemgetter(0)):
            present.begin(key)
            draft.begin(key)
            for row in past:
                topic, admitted = rereader.read(Past(*row[1:]))
                present.fold(topic, admitted)
                draft.fold(topic, admitted)
                folded += 1
                if folded % _STEP == 0:
                    advance(_STEP)
            yield Change(key, present.end(), draft.end())


def undeclared(present: Plan, draft: Plan) -> list[str]:
    """Return the properties that only the draft's tracking plan declares: history does not hold them."""
    return [
        f"{event}.{name}"
        for event, names in sorted(draft.items())
        for name in sorted(names - present.get(event, frozenset()))
    ]

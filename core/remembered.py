"""The purchases that a profile remembers, packed: a buyer has dozens, and every event of theirs would pay for objects.

One record of 21 bytes each, sorted: time in milliseconds (6), name (6), amount in ten-thousandths (8), place in the list of
`Earned` (1). Records are compared and found as they are; only a refund unpacks one.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from core.state import Earned, State
from core.times import DAY, Micros

KEPT_PURCHASES: Final = 200
_NAME, _AMOUNT, _EARNED, _WIDTH = 6, 12, 20, 21
_KINDS: Final = 255
_MILLI: Final = 1_000


class Purchase(NamedTuple):
    """A purchase: what it cost, in ten-thousandths, and what points it earned."""

    at: Micros
    amount: int
    earned: Earned


def find(state: State, name: bytes, since: Micros) -> Purchase | None:
    """Return the purchase called `name`, unless it is from before `since`."""
    packed = state.purchases
    start = _place(packed, name)
    return None if start < 0 or packed[start : start + _NAME] < _stamp(since) else _unpacked(state, start)


def bought_on(state: State, day: int, since: Micros) -> bool:
    """Tell whether a purchase over more than nothing, from `since` on, is of the UTC day `day`."""
    packed, first, last = state.purchases, _stamp(max(since, day * DAY)), _stamp((day + 1) * DAY)
    start = len(packed) - _WIDTH
    while start >= 0 and packed[start : start + _NAME] >= first:
        if packed[start : start + _NAME] < last and _unpacked(state, start).amount > 0:
            return True
        start -= _WIDTH
    return False


def remember(state: State, name: bytes, purchase: Purchase, since: Micros) -> None:
    """Add a purchase; forget those from before `since`, and all but the latest `KEPT_PURCHASES`."""
    stamp = _stamp(purchase.at) + name
    record = stamp + purchase.amount.to_bytes(8, "big", signed=True) + bytes([_kind(state, purchase.earned)])
    packed = state.purchases
    end = len(packed)
    while end and packed[end - _WIDTH : end - _WIDTH + _AMOUNT] > stamp:
        end -= _WIDTH
    packed = packed[:end] + record + packed[end:]
    start, oldest = max(0, len(packed) - KEPT_PURCHASES * _WIDTH), _stamp(since)
    while start < len(packed) and packed[start : start + _NAME] < oldest:
        start += _WIDTH
    state.purchases = packed[start:]


def knows(state: State, name: bytes) -> bool:
    """Tell whether the purchase called `name` is remembered still."""
    return _place(state.purchases, name) >= 0


def count(state: State) -> int:
    """Return how many purchases are remembered."""
    return len(state.purchases) // _WIDTH


def each(state: State) -> Iterator[tuple[bytes, Purchase]]:
    """Yield name and purchase of all that are remembered, the earliest first."""
    for start in range(0, len(state.purchases), _WIDTH):
        yield state.purchases[start + _NAME : start + _AMOUNT], _unpacked(state, start)


def in_millis(at: Micros) -> Micros:
    """Return `at` as exactly as it is remembered."""
    return at // _MILLI * _MILLI


def _stamp(at: Micros) -> bytes:
    return max(0, at // _MILLI).to_bytes(_NAME, "big")


def _place(packed: bytes, name: bytes) -> int:
    """Return where the record of `name` begins; -1 where there is none."""
    index = packed.find(name)
    while index >= 0 and index % _WIDTH != _NAME:
        index = packed.find(name, index + 1)
    return index - _NAME if index >= 0 else -1


def _unpacked(state: State, start: int) -> Purchase:
    record = state.purchases[start : start + _WIDTH]
    earned = (state.earned or [])[record[_EARNED]]
    at = int.from_bytes(record[:_NAME], "big") * _MILLI
    return Purchase(at, int.from_bytes(record[_AMOUNT:_EARNED], "big", signed=True), earned)


def _kind(state: State, earned: Earned) -> int:
    """Return the place of `earned` in the list; most purchases of a buyer share one of a few."""
    kinds = state.earned = state.earned or []
    if earned in kinds:
        return kinds.index(earned)
    if len(kinds) == _KINDS:
        _drop_unused(state, kinds)
    kinds.append(earned)
    return len(kinds) - 1


def _drop_unused(state: State, kinds: list[Earned]) -> None:
    """Make room in a full list: at most `KEPT_PURCHASES` of it are in use."""
    packed = bytearray(state.purchases)
    used = sorted(set(packed[_EARNED::_WIDTH]))
    for place in range(_EARNED, len(packed), _WIDTH):
        packed[place] = used.index(packed[place])
    kinds[:] = [kinds[kind] for kind in used]
    state.purchases = bytes(packed)

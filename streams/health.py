"""Whether a worker lives and can work: told by the shell, asked by the thread that answers `/healthz` and `/readyz`."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

HUNG_SECS: Final = 10.0
"""A loop that has not run for this long hangs."""
_BEAT_SECS: Final = 1.0
_SLOW_SECS: Final = 10.0
"""A call that has waited for its first answer for this long is named."""

Clock = Callable[[], float]
Trouble = Callable[[], str]
"""Says in one line what is wrong with a dependency; nothing where all is well. Called from another thread."""


class Health:
    """What one worker knows about itself.

    Args:
        clock: Seconds that never fall.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._beaten_at = clock()
        self._troubles: dict[str, Trouble] = {}

    def require(self, dependency: str, trouble: Trouble) -> None:
        """Be ready only while `trouble` has nothing to say; it replaces what was asked about `dependency` before."""
        self._troubles[dependency] = trouble

    def beat(self) -> None:
        """Note that the event loop runs."""
        self._beaten_at = self._clock()

    async def keep_beating(self) -> None:
        """Beat for ever: a loop that hangs can not."""
        while True:
            self.beat()
            await asyncio.sleep(_BEAT_SECS)

    def hang(self) -> str:
        """Say that the event loop hangs, or nothing."""
        age = self._clock() - self._beaten_at
        return f"loop: has not run for {age:.0f} s" if age > HUNG_SECS else ""

    def reasons(self) -> list[str]:
        """Return why the worker is not ready, each reason led by the dependency that fails; empty where it is ready."""
        said = [(dependency, trouble()) for dependency, trouble in tuple(self._troubles.items())]
        return [*filter(None, [self.hang()]), *(f"{dependency}: {trouble}" for dependency, trouble in said if trouble)]


class Call:
    """A call that is not answered yet, and how its last attempt failed."""

    def __init__(self, begun_at: float) -> None:
        self.begun_at = begun_at
        self.error = ""

    def failed(self, error: str) -> None:
        """Note that an attempt has failed and another follows; `error` is one line."""
        self.error = error


class Calls:
    """The calls to one dependency that are under way.

    Args:
        clock: Seconds that never fall.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._open: set[Call] = set()

    @contextmanager
    def one(self) -> Iterator[Call]:
        """Note one call, with all its attempts, from here to the end of the block."""
        call = Call(self._clock())
        self._open.add(call)
        try:
            yield call
        finally:
            self._open.discard(call)

    def trouble(self) -> str:
        """Say what the oldest call in trouble waits for; nothing where all is well."""
        now = self._clock()
        for call in sorted(self._open.copy(), key=lambda call: call.begun_at):
            age = now - call.begun_at
            if call.error:
                return f"{call.error} (tried again for {age:.0f} s)"
            if age > _SLOW_SECS:
                return f"a call has waited {age:.0f} s for its answer"
        return ""

"""One supervised process: started, watched, started again with growing pauses, stopped."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, NamedTuple

_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 10.0
_STABLE_SECS: Final = 30.0
_STOP_SECS: Final = 20.0


class Program(NamedTuple):
    """What to run: name, command, environment beside ours, and how to tell that it is ready."""

    name: str
    command: list[str]
    environment: dict[str, str]
    is_ready: Callable[[], Awaitable[bool]]


class Child:
    """Keeps one program running.

    Args:
        program: What to run.
        log: File that takes what it prints.
        changed: Called after every start and end.
    """

    def __init__(self, program: Program, log: Path, changed: Callable[[], None]) -> None:
        self.program = program
        self.log = log
        self.pid = 0
        self._changed = changed
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self.exits: list[int] = []

    def start(self) -> None:
        """Start the program and keep it running."""
        self._keeper = asyncio.create_task(self._keep())

    async def wait_ready(self, seconds: float) -> bool:
        """Return True once the program is ready, False after `seconds` or where it ends at once time and again."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self._process is not None and await self.program.is_ready():
                return True
            if len(self.exits) >= 3 and all(code not in (75, -signal.SIGKILL) for code in self.exits[-3:]):
                return False
            await asyncio.sleep(0.1)
        return False

    async def stop(self) -> None:
        """End the program: SIGTERM, and SIGKILL to what does not listen."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _STOP_SECS)
        except TimeoutError:
            process.kill()
            await process.wait()

    def last_words(self) -> str:
        """Return the last line that the program printed."""
        try:
            lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        except OSError:
            lines = []
        return lines[-1] if lines else "it printed nothing"

    async def _keep(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            started = time.monotonic()
            with self.log.open("ab") as log:
                self._process = await asyncio.create_subprocess_exec(
                    *self.program.command,
                    env={**os.environ, **self.program.environment},
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            self.pid = self._process.pid
            self._changed()
            self.exits.append(await self._process.wait())
            self._changed()
            if time.monotonic() - started > _STABLE_SECS:
                pause = _FIRST_PAUSE
            print(  # noqa: T201  # the supervisor's own log
                f"warmth: {self.program.name} ended with {self.exits[-1]} ({self.last_words()[:200]}); starting it again",
                file=sys.stderr,
                flush=True,
            )
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

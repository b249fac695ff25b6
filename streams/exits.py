"""The one way to end a worker that can not go on: at once, saying why, with nothing more made durable."""

import os
import sys
from typing import Final, NoReturn

TEMPORARY_FAILURE: Final = 75
"""EX_TEMPFAIL: start me again. Recovery replays what was not committed."""


def leave(why: str, error: BaseException | None = None) -> NoReturn:
    """End the process with exit code 75, without cleaning up: cleaning up could commit what is not durable."""
    cause = "" if error is None else f": {type(error).__name__}: {' '.join(str(error).split())[:300]}"
    print(f"warmth: stopped, to be started again: {why}{cause}", file=sys.stderr, flush=True)  # noqa: T201  # last words
    os._exit(TEMPORARY_FAILURE)

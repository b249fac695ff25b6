"""Memory of a million pending timers, in a fresh process: `python -m bench.timers` prints it."""

import gc
import json
import random
import subprocess
import sys
from typing import Any, Final

from bench.contender import rss
from bench.events import customer
from core.times import DAY
from streams.timers import Timers

PENDING: Final = 1_000_000
_WITHIN: Final = 60 * DAY


def measure(pending: int) -> dict[str, Any]:
    """Return what a process grows by when it sets `pending` timers; keys are those that hold the profiles."""
    done = subprocess.run([sys.executable, "-m", "bench.timers", str(pending)], capture_output=True, text=True, check=True)
    return {"timers": json.loads(done.stdout)}


def main() -> None:
    """Set the timers, and print the figures."""
    dice, timers = random.Random(1), Timers()
    keys = [customer(number) for number in range(int(sys.argv[1]))]
    gc.collect()
    before = rss()
    for key in keys:
        timers.move(key, None, dice.randrange(_WITHIN))
    figures = {"pending": len(timers), "mib": round((rss() - before) / 2**20, 1)}
    print(json.dumps(figures))  # noqa: T201  # what the parent reads


if __name__ == "__main__":
    main()

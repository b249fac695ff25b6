"""Crash points for fault tests: a worker that passes the one that is armed sends itself a signal.

A failpoint is armed by writing `NAME` or `NAME SIGNAL` (KILL by default) into the file that `WARMTH_FAILPOINT_FILE` names.
The file is removed before the signal, so that the worker's next life passes. Without the setting nothing is looked at.
"""

import os
import signal
from pathlib import Path


class Failpoints:
    """The failpoints of one worker.

    Args:
        file: Where one is armed; None in production.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file

    def passed(self, name: str) -> None:
        """Send this process the signal that is armed for `name`, if any."""
        if self._file is None:
            return
        try:
            armed, *named = self._file.read_text().split()
        except (FileNotFoundError, ValueError):
            return
        if armed == name:
            self._file.unlink(missing_ok=True)
            os.kill(os.getpid(), signal.Signals[f"SIG{named[0] if named else 'KILL'}"])

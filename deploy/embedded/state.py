"""What a running stack tells about itself: `DIR/warmth.json`."""

from pathlib import Path
from typing import Any

import msgspec
import psutil

_FILE = "warmth.json"


class StackState(msgspec.Struct, frozen=True):
    """Addresses and process ids of a stack; `pids` has the supervisor under its own name."""

    kafka: str
    clickhouse: str
    collector: str
    partitions: int
    broker_isolates: bool
    metrics: dict[str, str]
    pids: dict[str, int]
    supervisor: int
    ready: bool = False
    reasons: list[str] = []

    def announcement(self) -> dict[str, Any]:
        """Return what `warmth up --json` prints."""
        pids = {name.removesuffix("-0"): pid for name, pid in self.pids.items()}
        metrics = {name.removesuffix("-0"): address for name, address in self.metrics.items()}
        return {
            "kafka": self.kafka,
            "clickhouse": self.clickhouse,
            "collector": self.collector,
            "metrics": metrics,
            "pids": pids,
        }


def write_state(folder: Path, state: StackState) -> None:
    """Replace the file at once, so that a reader never sees half of it."""
    path = folder / f"{_FILE}.new"
    path.write_bytes(msgspec.json.encode(state))
    path.replace(folder / _FILE)


def read_state(folder: Path) -> StackState | None:
    """Return the state of the stack in `folder`, or None where none was started."""
    try:
        return msgspec.json.decode((folder / _FILE).read_bytes(), type=StackState)
    except (FileNotFoundError, NotADirectoryError, msgspec.DecodeError):
        return None


def remove_state(folder: Path) -> None:
    """Note that no stack runs in `folder`."""
    (folder / _FILE).unlink(missing_ok=True)


def alive(pid: int) -> bool:
    """Tell whether a process of this id runs; one that has ended and waits for its parent does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False

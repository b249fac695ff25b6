"""How much memory this process may take: its control group's limit, or what the machine has."""

import os
from pathlib import Path
from typing import Final

_LIMITS: Final = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""Of control groups version 2 and 1."""


def memory_limit_bytes(limits: tuple[Path, ...] = _LIMITS) -> int:
    """Return the least of the limits that are set and of the machine's memory."""
    set_limits = [int(path.read_text()) for path in limits if path.is_file() and path.read_text().strip().isdigit()]
    return min([os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), *set_limits])

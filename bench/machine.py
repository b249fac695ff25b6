"""What the figures were measured on."""

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

_LIBRARIES: Final = (
    "aiokafka", "bytewax", "confluent-kafka", "faust-streaming", "msgspec", "orjson", "pydantic", "quixstreams"
)  # fmt: skip


def describe(root: Path) -> dict[str, Any]:
    """Return processor, cores, kernel and versions; Kafka's as its artifacts name it."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "load_before": round(os.getloadavg()[0], 1),
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "kafka": _kafka(root),
        **{name: version(name) for name in _LIBRARIES},
    }


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _kafka(root: Path) -> str:
    libraries = Path(os.environ.get("KAFKA_LIBS") or root / ".kafka-libs")
    return next((jar.stem.rpartition("-")[2] for jar in libraries.glob("kafka-clients-*.jar")), "unknown")

"""Metrics of every process, for Prometheus. Labels are topics, tables and reason codes, never ids."""

from typing import Final

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, start_http_server

_SECONDS: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)

READY: Final = Gauge("warmth_ready", "1 once this worker has its partitions and their tables.")
FOLDED: Final = Counter("warmth_records_folded_total", "Source records that were folded or found wanting.", ["topic"])
REJECTED: Final = Counter("warmth_records_rejected_total", "Records that became dead letters.", ["reason"])
DROPPED: Final = Counter("warmth_records_dropped_total", "Valid events that changed nothing.", ["reason"])
FORWARDED: Final = Counter("warmth_records_forwarded_total", "Records sent to the partition they belong into.", ["topic"])
REPLAYED: Final = Counter("warmth_records_replayed_total", "Records skipped because their profile had folded them.")
OMITTED: Final = Counter("warmth_fields_omitted_total", "Fields left out because no contract names them.")
EPOCH_SECONDS: Final = Histogram("warmth_epoch_seconds", "Time that an epoch took to commit.", buckets=_SECONDS)
PROFILES: Final = Gauge("warmth_profiles", "Profiles held in memory.")
RECOVERED: Final = Counter("warmth_keys_recovered_total", "Changelog records applied by recovery.")
STALE: Final = Counter("warmth_keys_stale_total", "Changelog records of former owners that recovery refused.")
LAG: Final = Gauge("warmth_lag_records", "Records between the end of a topic and what was read of it.", ["topic"])
ROWS_LOADED: Final = Counter("warmth_rows_loaded_total", "Rows that ClickHouse has taken.", ["table"])
RANGES_LOADED: Final = Counter("warmth_ranges_loaded_total", "Ranges that ClickHouse has taken.")
INSERT_SECONDS: Final = Histogram("warmth_insert_seconds", "Time of one successful insert.", buckets=_SECONDS)
INSERT_RETRIES: Final = Counter("warmth_insert_retries_total", "Inserts that had to be tried again.")


def _names() -> frozenset[str]:
    named = frozenset(
        sample if sample.endswith("_total") or family.type != "counter" else f"{sample}_total"
        for family in REGISTRY.collect()
        for sample in (family.name,)
        if sample.startswith("warmth_")
    )
    return named


NAMES: Final = _names()
"""Full names of all metrics of ours, without histogram suffixes."""


def serve(host: str, port: int) -> int:
    """Serve `/metrics` from a thread and return the port that it listens on."""
    server, _ = start_http_server(port, addr=host)
    return int(server.server_port)

"""Metrics of every process, for Prometheus. Labels are topics, tables and reason codes, never ids."""

from typing import Final

from prometheus_client import REGISTRY, Counter, Gauge, Histogram

from schemas.reasons import ReasonCode

_SECONDS: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
_RECORDS: Final = (1, 10, 100, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000)

READY: Final = Gauge("warmth_ready", "1 once this worker has its partitions and their tables.")
PARTITIONS: Final = Gauge("warmth_partitions", "Partitions of every topic, as this worker was told.")
MEMORY_LIMIT: Final = Gauge("warmth_memory_limit_bytes", "Memory that this worker may take.")
LAG: Final = Gauge("warmth_lag_records", "Records of own partitions that are not committed yet, read or not.", ["topic"])
GATHERED: Final = Gauge("warmth_gathered_records", "Records that were read and are not committed yet.", ["topic"])
LAST_COMMIT: Final = Gauge("warmth_last_commit_timestamp_seconds", "When offsets were committed last.")
# -- scorer
FOLDED: Final = Counter("warmth_records_folded_total", "Source records that were folded or found wanting.", ["topic"])
REJECTED: Final = Counter("warmth_records_rejected_total", "Records that became dead letters.", ["reason"])
DROPPED: Final = Counter("warmth_records_dropped_total", "Valid events that changed nothing.", ["reason"])
FORWARDED: Final = Counter("warmth_records_forwarded_total", "Records sent to the partition they belong into.", ["topic"])
REPLAYED: Final = Counter("warmth_records_replayed_total", "Records skipped because their profile had folded them.")
OMITTED: Final = Counter("warmth_fields_omitted_total", "Fields left out because no contract names them.")
TICKS: Final = Counter("warmth_ticks_total", "Profiles that passing time alone was carried on in.")
COMMANDS: Final = Counter(
    "warmth_commands_total", "What profiles asked of each other, done or left with a reason.", ["result"]
)
ADOPTED: Final = Counter("warmth_profiles_adopted_total", "Profiles that were judged by newer rules or parameters.")
RULES_VERSION: Final = Gauge("warmth_rules_version", "Version of the rules that customers are judged by.")
RULES_REFUSED: Final = Counter("warmth_rules_refused_total", "Published rules and parameters that could not be used.")
LATE_SESSIONS: Final = Counter("warmth_late_sessions_total", "Site events that came too late to open a session.")
EPOCH_SECONDS: Final = Histogram("warmth_epoch_seconds", "Time that an epoch took to commit.", buckets=_SECONDS)
EPOCH_RECORDS: Final = Histogram("warmth_epoch_records", "Source records of an epoch.", buckets=_RECORDS)
PROFILES: Final = Gauge("warmth_profiles", "Profiles held in memory.")
RECOVERED: Final = Counter("warmth_keys_recovered_total", "Changelog records applied by recovery.")
STALE: Final = Counter("warmth_keys_stale_total", "Changelog records of former owners that recovery refused.")
# -- loader
ROWS_LOADED: Final = Counter("warmth_rows_loaded_total", "Rows that ClickHouse has taken.", ["table"])
ROWS_REFUSED: Final = Counter("warmth_rows_refused_total", "Rows that ClickHouse can not take, now dead letters.", ["table"])
RANGES_LOADED: Final = Counter("warmth_ranges_loaded_total", "Ranges that ClickHouse has taken.")
REPEATS: Final = Counter("warmth_repeats_dropped_total", "Enriched records left out because their rows were in.")
OFFSETS_LOST: Final = Counter("warmth_offsets_lost_total", "Enriched records that were gone before they were loaded.")
INSERT_SECONDS: Final = Histogram("warmth_insert_seconds", "Time of one attempt to insert.", buckets=_SECONDS)
INSERT_RETRIES: Final = Counter("warmth_insert_retries_total", "Inserts that had to be tried again.")
CLICKHOUSE_FAILING: Final = Gauge("warmth_clickhouse_failing", "1 while a call is tried again or waits for long.")
TABLES: Final = ("events", "outcomes", "score_changes", "segment_changes", "identity_links", "profiles", "dead_letters")
"""Labels of rows. Alerts see a series rise only where it began at 0."""

for _table in TABLES:
    ROWS_REFUSED.labels(_table)
for _reason in ReasonCode:
    REJECTED.labels(_reason)


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

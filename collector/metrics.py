"""What the collector counts, for Prometheus."""

from typing import Final

from prometheus_client import Counter, Histogram

REQUESTS: Final = Counter("warmth_collector_requests_total", "Requests by route and status.", ["route", "status"])
EVENTS: Final = Counter("warmth_collector_events_total", "Messages by verdict: accepted, or a reason code.", ["verdict"])
OMITTED: Final = Counter("warmth_collector_omitted_fields_total", "Fields that no contract names and that were left out.")
ROUND_SECS: Final = Histogram(
    "warmth_collector_round_seconds",
    "Time until Kafka has acknowledged a round of records.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
NAMES: Final = frozenset(
    {
        "warmth_collector_requests_total",
        "warmth_collector_events_total",
        "warmth_collector_omitted_fields_total",
        "warmth_collector_round_seconds",
    }
)
"""What dashboards and alerts may ask for."""

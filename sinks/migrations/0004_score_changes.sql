-- Every crossing of a band, as it left on topic score-change.
CREATE TABLE IF NOT EXISTS score_changes
(
    id            String,
    customer_key  String,
    customer_id   String,
    score         LowCardinality(String),
    old_band      LowCardinality(String),
    new_band      LowCardinality(String),
    old_value     Float64,
    value         Float64,
    grade         LowCardinality(String),
    occurred_at   DateTime64(3, 'UTC'),
    emitted_at    DateTime64(3, 'UTC'),
    seq           UInt64,
    origin        LowCardinality(String),
    cause         Tuple(event_id String, type LowCardinality(String)),
    contributions Array(Tuple(rule LowCardinality(String), points Float64)),
    rules_version UInt32,
    loaded_at     DateTime64(3, 'UTC')
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(loaded_at)
ORDER BY (customer_key, seq)
SETTINGS non_replicated_deduplication_window = 100000;

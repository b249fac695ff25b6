-- Every entering and leaving of a segment, as it left on topic segment-change.
CREATE TABLE IF NOT EXISTS segment_changes
(
    id            String,
    customer_key  String,
    customer_id   String,
    segment       LowCardinality(String),
    change        LowCardinality(String),
    why           Array(String),
    occurred_at   DateTime64(3, 'UTC'),
    emitted_at    DateTime64(3, 'UTC'),
    seq           UInt64,
    origin        LowCardinality(String),
    cause         Tuple(event_id String, type LowCardinality(String)),
    rules_version UInt32,
    loaded_at     DateTime64(3, 'UTC')
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(loaded_at)
ORDER BY (customer_key, seq)
SETTINGS non_replicated_deduplication_window = 100000;

-- Rejected records with their original bytes. Keyed by id: read it through dead_letters_now.
CREATE TABLE IF NOT EXISTS dead_letters
(
    id           String,
    topic        LowCardinality(String),
    incarnation  LowCardinality(String),
    partition    UInt32,
    offset       UInt64,
    stage        LowCardinality(String),
    reason       LowCardinality(String),
    detail       String,
    received_at  DateTime64(3, 'UTC'),
    rejected_at  DateTime64(3, 'UTC'),
    key_base64   Nullable(String),
    value_base64 Nullable(String) CODEC(ZSTD(1)),
    headers      Array(Tuple(key String, value_base64 Nullable(String))),
    loaded_at    DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(loaded_at)
ORDER BY (topic, incarnation, partition, offset)
SETTINGS non_replicated_deduplication_window = 100000;

CREATE VIEW IF NOT EXISTS dead_letters_now AS SELECT * FROM dead_letters FINAL;

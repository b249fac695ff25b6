-- How every source record ended: accepted, rejected, dropped or forwarded. Conservation is one query over this table.
CREATE TABLE IF NOT EXISTS outcomes
(
    topic          LowCardinality(String),
    incarnation    LowCardinality(String),
    partition      UInt32,
    offset         UInt64,
    outcome        LowCardinality(String),
    reason         LowCardinality(String),
    omitted_fields UInt32,
    loaded_at      DateTime64(3, 'UTC')
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(loaded_at)
ORDER BY (topic, incarnation, partition, offset)
SETTINGS non_replicated_deduplication_window = 100000;

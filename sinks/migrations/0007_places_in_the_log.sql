-- Where each outcome stands in the log of enriched events: how far ClickHouse is, and what it has already.
ALTER TABLE outcomes
    ADD COLUMN IF NOT EXISTS log_incarnation LowCardinality(String),
    ADD COLUMN IF NOT EXISTS log_partition UInt32,
    ADD COLUMN IF NOT EXISTS log_offset UInt64;

-- What was applied, so that each migration runs once.
CREATE TABLE IF NOT EXISTS migrations
(
    number     UInt32,
    name       String,
    applied_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = MergeTree ORDER BY number;

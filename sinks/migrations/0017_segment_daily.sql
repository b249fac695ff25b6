-- How many customers entered and left each segment by day; their difference, summed up, is its size.
CREATE TABLE IF NOT EXISTS segment_daily
(
    segment LowCardinality(String),
    day     Date,
    entered UInt64,
    left    UInt64
)
ENGINE = SummingMergeTree
ORDER BY (segment, day)
SETTINGS non_replicated_deduplication_window = 100000;

CREATE MATERIALIZED VIEW IF NOT EXISTS segment_daily_view TO segment_daily AS
SELECT segment, toDate(occurred_at) AS day, countIf(change = 'entered') AS entered, countIf(change = 'left') AS left
FROM segment_changes
GROUP BY segment, day;

INSERT INTO segment_daily
SELECT segment, toDate(occurred_at) AS day, countIf(change = 'entered'), countIf(change = 'left')
FROM segment_changes
WHERE (SELECT count() FROM segment_daily) = 0
GROUP BY segment, day;

-- Events of a customer by day: sum(events) is exact, since blocks are known by their tokens in the targets, too.
CREATE TABLE IF NOT EXISTS customer_daily
(
    customer_key String,
    day          Date,
    type         LowCardinality(String),
    currency     LowCardinality(String),
    events       UInt64,
    amount       Decimal(38, 4)
)
ENGINE = SummingMergeTree
ORDER BY (customer_key, day, type, currency)
SETTINGS non_replicated_deduplication_window = 100000;

CREATE MATERIALIZED VIEW IF NOT EXISTS customer_daily_view TO customer_daily AS
SELECT
    customer_key,
    toDate(occurred_at)                      AS day,
    type,
    currency,
    count()                                  AS events,
    sum(toDecimal128(ifNull(amount, 0), 4))  AS amount
FROM events
GROUP BY customer_key, day, type, currency;

CREATE TABLE IF NOT EXISTS page_daily
(
    day       Date,
    page_path String,
    views     UInt64
)
ENGINE = SummingMergeTree
ORDER BY (day, page_path)
SETTINGS non_replicated_deduplication_window = 100000;

CREATE MATERIALIZED VIEW IF NOT EXISTS page_daily_view TO page_daily AS
SELECT toDate(occurred_at) AS day, page_path, count() AS views
FROM events
WHERE type = 'page_viewed'
GROUP BY day, page_path;

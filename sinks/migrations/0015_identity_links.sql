-- Whose name every id became: a row for each name of a profile that went into another one, or was restored. A joined profile
-- has a higher seq than both had before, so the highest one tells.
CREATE TABLE IF NOT EXISTS identity_links
(
    alias        String,
    kind         LowCardinality(String),
    customer_key String,
    seq          UInt64,
    occurred_at  DateTime64(3, 'UTC'),
    loaded_at    DateTime64(3, 'UTC')
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(loaded_at)
ORDER BY (alias, seq)
SETTINGS non_replicated_deduplication_window = 100000;

ALTER TABLE customer_daily_view MODIFY QUERY
SELECT
    customer_key,
    toDate(occurred_at)                      AS day,
    type,
    currency,
    count()                                  AS events,
    sum(toDecimal128(ifNull(amount, 0), 4))  AS amount
FROM events
WHERE traffic = '' AND _topic NOT IN ('tick', 'rules', 'warmth-command')
GROUP BY customer_key, day, type, currency;

-- Rollups are of customers: without bots, internal traffic, and rows that no record caused. What was counted before stays; `warmth reconcile` tells
-- whether there is such, and the runbook how to fill a rollup anew.
ALTER TABLE customer_daily_view MODIFY QUERY
SELECT
    customer_key,
    toDate(occurred_at)                      AS day,
    type,
    currency,
    count()                                  AS events,
    sum(toDecimal128(ifNull(amount, 0), 4))  AS amount
FROM events
WHERE traffic = '' AND type NOT IN ('tick', 'rules')
GROUP BY customer_key, day, type, currency;

ALTER TABLE page_daily_view MODIFY QUERY
SELECT toDate(occurred_at) AS day, page_path, count() AS views
FROM events
WHERE traffic = '' AND type = 'page_viewed'
GROUP BY day, page_path;

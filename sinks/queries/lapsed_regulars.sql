-- Regular buyers who stopped: ten orders or more, none in the last 30 days. Win them back.
SELECT
    customer_key,
    count()                                        AS orders,
    sum(amount)                                    AS revenue,
    max(occurred_at)                               AS last_order_at,
    dateDiff('day', max(occurred_at), now('UTC'))  AS quiet_days
FROM events
WHERE type IN ('receipt_issued', 'order_completed') AND amount > 0
GROUP BY customer_key
HAVING orders >= 10 AND quiet_days > 30
ORDER BY revenue DESC
LIMIT 10

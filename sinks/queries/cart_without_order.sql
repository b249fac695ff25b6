-- Filled a cart in the last 14 days and ordered nothing after it. Remind them.
SELECT
    customer_key,
    maxIf(occurred_at, type = 'product_added')                        AS last_cart_at,
    maxIf(occurred_at, type IN ('receipt_issued', 'order_completed')) AS last_order_at,
    round(argMax(scores['engagement'], occurred_at), 1)               AS engagement
FROM events
GROUP BY customer_key
HAVING last_cart_at > now('UTC') - INTERVAL 14 DAY AND last_order_at < last_cart_at
ORDER BY engagement DESC, customer_key
LIMIT 10

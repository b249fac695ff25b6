-- Filled a cart and ordered nothing after it: remind them.
-- For: marketing, sales
-- Cost: 0.51 s, 91 MiB
-- Parameter days UInt16 = 14: carts of so many days back.
-- Parameter limit UInt32 = 10: at most so many customers, the warmest first.
-- Column customer_key: the profile.
-- Column last_cart_at: when something was put into the cart last.
-- Column last_order_at: the last order before that; 1970 where there is none.
-- Column engagement: the score at the last event.
SELECT
    profile_key                                                       AS customer_key,
    maxIf(occurred_at, type = 'product_added')                        AS last_cart_at,
    maxIf(occurred_at, type IN ('receipt_issued', 'order_completed')) AS last_order_at,
    round(argMax(scores['engagement'], seq), 1)                       AS engagement
FROM events_now
WHERE traffic = '' AND type IN ('product_added', 'receipt_issued', 'order_completed')
GROUP BY customer_key
HAVING last_cart_at > now('UTC') - toIntervalDay({days:UInt16}) AND last_order_at < last_cart_at
ORDER BY engagement DESC, customer_key
LIMIT {limit:UInt32}

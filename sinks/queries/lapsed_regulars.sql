-- Regular buyers who stopped: win them back.
-- For: marketing, sales
-- Cost: 0.19 s, 53 MiB
-- Parameter orders UInt16 = 10: regular is who ordered so often.
-- Parameter quiet_days UInt16 = 30: stopped is who ordered nothing for more days than this.
-- Parameter limit UInt32 = 10: at most so many rows, the highest revenue first.
-- Column customer_key: the profile.
-- Column currency: of the revenue.
-- Column orders: how many there were in this currency.
-- Column revenue: what was paid for them, before refunds.
-- Column last_order_at: the last of them.
-- Column quiet_days: full days since then.
SELECT
    customer_key,
    currency,
    sum(money.orders)                                     AS orders,
    sum(money.revenue)                                    AS revenue,
    maxIf(occurred_at, money.orders = 1)                  AS last_order_at,
    dateDiff('day', last_order_at, now('UTC'))            AS quiet_days
FROM money
GROUP BY customer_key, currency
HAVING sum(money.orders) >= {orders:UInt16} AND quiet_days > {quiet_days:UInt16}
ORDER BY revenue DESC, customer_key, currency
LIMIT {limit:UInt32}

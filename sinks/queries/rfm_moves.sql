-- Who moved between RFM cells, and how many went the same way; the edges of the earlier day rule both, so that all can move.
-- For: marketing, sales
-- Cost: 0.48 s, 71 MiB
-- Parameter days UInt16 = 30: from so many days before the later day.
-- Parameter as_of Date = today: to the end of this day, UTC.
-- Column currency: currency of the purchases.
-- Column cell_before: the cell then: recency, frequency, monetary value; `new` for who had not bought.
-- Column cell_now: the cell at the later day.
-- Column customers: how many went this way.
-- Column revenue: what they paid less what came back in between.
WITH
    {as_of:Date}                      AS later,
    later - {days:UInt16}             AS earlier,
    buyers AS
    (
        SELECT
            customer_key,
            currency,
            dateDiff('day', maxIf(toDate(occurred_at), money.orders = 1 AND toDate(occurred_at) <= earlier), earlier) AS quiet_before,
            dateDiff('day', maxIf(toDate(occurred_at), money.orders = 1), later)                     AS quiet_now,
            sumIf(money.orders, toDate(occurred_at) <= earlier)                                      AS orders_before,
            sum(money.orders)                                                                        AS orders_now,
            sumIf(money.revenue - money.refunded, toDate(occurred_at) <= earlier)                    AS net_before,
            sum(money.revenue - money.refunded)                                                      AS net_now
        FROM money
        WHERE toDate(occurred_at) <= later
        GROUP BY customer_key, currency
        HAVING orders_now > 0
    ),
    edges AS
    (
        SELECT
            currency,
            quantilesExactIf(0.2, 0.4, 0.6, 0.8)(quiet_before, orders_before > 0)  AS quiet_edges,
            quantilesExactIf(0.2, 0.4, 0.6, 0.8)(orders_before, orders_before > 0) AS order_edges,
            quantilesExactIf(0.2, 0.4, 0.6, 0.8)(net_before, orders_before > 0)    AS net_edges
        FROM buyers
        GROUP BY currency
    )
SELECT
    currency,
    if(orders_before = 0, 'new', concat(
        toString(5 - arrayCount(edge -> quiet_before > edge, quiet_edges)),
        toString(1 + arrayCount(edge -> orders_before > edge, order_edges)),
        toString(1 + arrayCount(edge -> net_before > edge, net_edges))))   AS cell_before,
    concat(
        toString(5 - arrayCount(edge -> quiet_now > edge, quiet_edges)),
        toString(1 + arrayCount(edge -> orders_now > edge, order_edges)),
        toString(1 + arrayCount(edge -> net_now > edge, net_edges)))       AS cell_now,
    count()                                                                AS customers,
    sum(net_now - net_before)                                              AS revenue
FROM buyers
INNER JOIN edges USING (currency)
GROUP BY currency, cell_before, cell_now
HAVING cell_before != cell_now
ORDER BY customers DESC, currency, cell_before, cell_now

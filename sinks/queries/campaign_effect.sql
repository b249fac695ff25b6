-- What campaigns brought: who came by them, and what they ordered soon after their first visit by it.
-- For: marketing
-- Cost: 0.64 s, 104 MiB
-- Parameter days UInt16 = 30: first visits of so many days back.
-- Parameter within_days UInt16 = 7: orders within so many days of the visit.
-- Column source: of the campaign; `direct` stands for visits without one.
-- Column medium: of the campaign.
-- Column campaign: its name.
-- Column currency: of the revenue; empty where nothing was ordered.
-- Column visitors: who came by it, whatever the currency.
-- Column buyers: of these, who ordered in time.
-- Column orders: what they ordered.
-- Column revenue: and paid for it, before refunds.
-- Column buyer_share: buyers of visitors, from 0 to 1.
WITH
    firsts AS
    (
        SELECT customer_key, source, toString(campaign_medium) AS medium, toString(campaign_name) AS campaign, min(occurred_at) AS came_at
        FROM visits
        WHERE occurred_at > now('UTC') - toIntervalDay({days:UInt16})
        GROUP BY customer_key, source, medium, campaign
    ),
    reach AS (SELECT source, medium, campaign, count() AS visitors FROM firsts GROUP BY source, medium, campaign),
    bought AS
    (
        SELECT source, medium, campaign, currency, uniqExact(customer_key) AS buyers, count() AS orders, sum(paid) AS revenue
        FROM firsts
        INNER JOIN
        (
            SELECT customer_key, occurred_at, currency, money.revenue AS paid
            FROM money
            WHERE money.orders = 1 AND occurred_at > now('UTC') - toIntervalDay({days:UInt16})
        ) AS orders USING (customer_key)
        WHERE orders.occurred_at >= came_at AND orders.occurred_at < came_at + toIntervalDay({within_days:UInt16})
        GROUP BY source, medium, campaign, currency
    )
SELECT
    source,
    medium,
    campaign,
    toString(bought.currency)                AS currency,
    visitors,
    bought.buyers                            AS buyers,
    bought.orders                            AS orders,
    bought.revenue                           AS revenue,
    round(buyers / visitors, 4)              AS buyer_share
FROM reach
LEFT JOIN bought USING (source, medium, campaign)
ORDER BY visitors DESC, source, medium, campaign, currency

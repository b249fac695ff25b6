-- From the first look to the order, by what brought people: how many got how far.
-- For: marketing
-- Cost: 0.20 s, 61 MiB
-- Parameter days UInt16 = 30: visits of so many days back.
-- Parameter within_hours UInt32 = 168: all steps within so many hours of the first.
-- Column source: the campaign that brought them first in that time; `direct` without one.
-- Column visitors: who viewed a page or a product.
-- Column viewed: of these, who viewed a product.
-- Column added: of these, who put something into the cart.
-- Column checked_out: of these, who went to the checkout.
-- Column ordered: of these, who ordered.
-- Column ordered_share: who ordered of all visitors, from 0 to 1.
WITH people AS
(
    SELECT
        profile_key,
        argMinIf(campaign_source, occurred_at, campaign_source != '')      AS campaign,
        countIf(type IN ('page_viewed', 'product_viewed')) > 0             AS visited,
        windowFunnel(3600 * {within_hours:UInt32})(
            toDateTime(occurred_at),
            type = 'product_viewed',
            type = 'product_added',
            type = 'checkout_started',
            type IN ('order_completed', 'receipt_issued')
        )                                                                  AS steps
    FROM events_now
    WHERE traffic = '' AND occurred_at > now('UTC') - toIntervalDay({days:UInt16}) AND type IN
        ('page_viewed', 'product_viewed', 'product_added', 'checkout_started', 'order_completed', 'receipt_issued')
    GROUP BY profile_key
)
SELECT
    if(campaign = '', 'direct', campaign)          AS source,
    countIf(visited)                               AS visitors,
    countIf(visited AND steps >= 1)                AS viewed,
    countIf(visited AND steps >= 2)                AS added,
    countIf(visited AND steps >= 3)                AS checked_out,
    countIf(visited AND steps >= 4)                AS ordered,
    round(ordered / visitors, 4)                   AS ordered_share
FROM people
GROUP BY source
HAVING visitors > 0
ORDER BY visitors DESC, source

-- What is bought together: pairs of products, or of categories, that meet in a basket more often than chance would have it.
-- For: marketing, sales
-- Cost: 1.84 s, 120 MiB
-- Parameter days UInt16 = 90: baskets of so many days back.
-- Parameter by String = product: `product` or `category`.
-- Parameter at_least UInt32 = 5: pairs in at least so many baskets.
-- Parameter most_items UInt16 = 100: baskets with more different items are left out: pairs grow with the square.
-- Parameter limit UInt32 = 20: at most so many pairs, the highest lift first.
-- Column one: an item.
-- Column other: another one.
-- Column baskets: baskets with both.
-- Column support: of all baskets, from 0 to 1.
-- Column confidence: of the baskets with the first, those that have the second, too, from 0 to 1.
-- Column lift: how many times as often as by chance.
WITH
    baskets AS
    (
        SELECT arraySort(groupUniqArray(if({by:String} = 'category', toString(category), product_id))) AS items
        FROM purchase_lines
        WHERE type IN ('receipt_issued', 'order_completed') AND occurred_at > now('UTC') - toIntervalDay({days:UInt16})
        GROUP BY customer_key, occurred_at, event_id
    ),
    (SELECT count() FROM baskets) AS total,
    singles AS (SELECT arrayJoin(items) AS item, count() AS having FROM baskets GROUP BY item),
    pairs AS
    (
        SELECT pair.1 AS one, pair.2 AS other, count() AS both
        FROM baskets
        ARRAY JOIN arrayFilter(pair -> pair.1 < pair.2,
            arrayFlatten(arrayMap(one -> arrayMap(other -> (one, other), items), items))) AS pair
        WHERE length(items) <= {most_items:UInt16}
        GROUP BY one, other
        HAVING both >= {at_least:UInt32}
    )
SELECT
    one,
    other,
    both                                                              AS baskets,
    round(both / total, 6)                                            AS support,
    round(both / first.having, 4)                                     AS confidence,
    round(both * total / (first.having * second.having), 3)           AS lift
FROM pairs
INNER JOIN singles AS first ON first.item = pairs.one
INNER JOIN singles AS second ON second.item = pairs.other
WHERE one != '' AND other != ''
ORDER BY lift DESC, baskets DESC, one, other
LIMIT {limit:UInt32}

-- Customers who fall into a colder band soon if nothing happens, and when: talk to them first.
-- For: marketing, sales
-- Cost: 0.45 s, 17 MiB
-- Parameter within_days Float64 = 7: within so many days.
-- Parameter half_life_days Float64 = 14: half-life of the score, as the rules say it.
-- Parameter bands Array(String) = ['warm', 'hot']: bands that can be left for a colder one, as the rules name them.
-- Parameter floors Array(Float64) = [20, 60]: where each of them begins, as the rules say it.
-- Parameter hysteresis Float64 = 3: a band is left only so much below its beginning, as the rules say it.
-- Parameter limit UInt32 = 20: at most so many customers, the most valuable first.
-- Column customer_key: the profile.
-- Column band: band now.
-- Column value: engagement now.
-- Column cools_at: when the band is left.
-- Column orders: orders so far.
WITH
    toUnixTimestamp64Milli(now64(3, 'UTC')) AS now_ms,
    people AS
    (
        SELECT
            customer_key,
            engagement_band                                                                            AS band,
            orders,
            engagement,
            engagement_as_of,
            {floors:Array(Float64)}[indexOf({bands:Array(String)}, band)] - {hysteresis:Float64}       AS floor,
            toUnixTimestamp64Milli(engagement_as_of)
                + 86400000 * {half_life_days:Float64} * log2(engagement / floor)                       AS cools_ms
        FROM customers
        WHERE has({bands:Array(String)}, engagement_band) AND floor > 0
    )
SELECT
    customer_key,
    band,
    round(engagement * exp2(-(now_ms - toUnixTimestamp64Milli(engagement_as_of))
        / (86400000 * {half_life_days:Float64})), 1)                            AS value,
    fromUnixTimestamp64Milli(toInt64(cools_ms), 'UTC')                          AS cools_at,
    orders
FROM people
WHERE cools_ms > now_ms AND cools_ms <= now_ms + 86400000 * {within_days:Float64}
ORDER BY orders DESC, cools_at, customer_key
LIMIT {limit:UInt32}

-- How often deals are won, by sales script and by who the buyer is.
-- For: sales
-- Cost: 0.28 s, 73 MiB
-- Parameter days UInt16 = 365: deals that ended within so many days.
-- Column script_id: script, by the latest word of the deal that names one; empty where none does.
-- Column buyer_role: role of the buyer, likewise.
-- Column currency: of the amounts; empty where no word names one.
-- Column won: deals won.
-- Column lost: deals lost.
-- Column won_share: won of both, from 0 to 1.
-- Column won_amount: what the won ones bring.
-- Column mean_days: from the first word to the last, on average.
WITH deals AS
(
    SELECT
        deal_id,
        argMaxIf(toString(script_id), occurred_at, script_id != '')                                        AS script_id,
        argMaxIf(properties.buyer_role.:String, occurred_at, properties.buyer_role.:String IS NOT NULL)    AS role,
        argMaxIf(toString(currency), occurred_at, currency != '')                                          AS currency,
        argMaxIf(amount, occurred_at, amount IS NOT NULL)                                                  AS worth,
        argMax(type, occurred_at)                                                                          AS latest,
        max(occurred_at)                                                                                   AS ended_at,
        dateDiff('day', min(occurred_at), ended_at)                                                        AS days
    FROM events
    WHERE type IN ('deal_opened', 'deal_moved', 'deal_won', 'deal_lost')
    GROUP BY deal_id
)
SELECT
    script_id,
    ifNull(role, '')                                              AS buyer_role,
    currency,
    countIf(latest = 'deal_won')                                  AS won,
    countIf(latest = 'deal_lost')                                 AS lost,
    round(won / (won + lost), 4)                                  AS won_share,
    sumIf(ifNull(worth, 0), latest = 'deal_won')                  AS won_amount,
    round(avg(days), 1)                                           AS mean_days
FROM deals
WHERE latest IN ('deal_won', 'deal_lost') AND ended_at > now('UTC') - toIntervalDay({days:UInt16})
GROUP BY script_id, buyer_role, currency
ORDER BY won + lost DESC, script_id, buyer_role, currency

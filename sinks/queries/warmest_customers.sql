-- The warmest customers now, with the rules that made them so: every contribution, decayed to now.
-- Parameters: half_life_secs, limit.
SELECT
    customer_key,
    round(sum(rule_points), 1)                                                       AS points_now,
    arrayStringConcat(arrayMap(r -> concat(r.1, ' ', toString(round(r.2, 1))),
        arraySlice(arraySort(r -> -abs(r.2), groupArray((rule, rule_points))), 1, 4)), ', ') AS rules
FROM
(
    SELECT
        customer_key,
        rule,
        sum(points * exp2(-dateDiff('second', occurred_at, now('UTC')) / {half_life_secs:Float64})) AS rule_points
    FROM events
    ARRAY JOIN contributions.rule AS rule, contributions.score AS score, contributions.points AS points
    WHERE score = 'engagement'
    GROUP BY customer_key, rule
)
GROUP BY customer_key
ORDER BY points_now DESC, customer_key
LIMIT {limit:UInt32}

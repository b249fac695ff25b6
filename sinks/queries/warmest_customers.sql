-- The warmest customers now, with the rules that made them so: every contribution, decayed to now.
-- For: marketing, sales
-- Cost: 0.63 s, 63 MiB
-- Parameter half_life_days Float64 = 14: half-life of the score, as the rules say it.
-- Parameter limit UInt32 = 10: at most so many customers.
-- Column customer_key: the profile.
-- Column points_now: sum of all points, decayed.
-- Column rules: the four rules that gave or took most, with their points.
SELECT
    customer_key,
    round(sum(rule_points), 1)                                                       AS points_now,
    arrayStringConcat(arrayMap(r -> concat(r.1, ' ', toString(round(r.2, 1))),
        arraySlice(arraySort(r -> (-abs(r.2), r.1), groupArray((rule, rule_points))), 1, 4)), ', ') AS rules
FROM
(
    SELECT
        profile_key AS customer_key,
        rule,
        sum(points * exp2(-dateDiff('second', earned_at, now('UTC')) / (86400 * {half_life_days:Float64}))) AS rule_points
    FROM events_now
    ARRAY JOIN
        contributions.rule AS rule,
        contributions.score AS score,
        contributions.points AS points,
        contributions.occurred_at AS earned_at
    WHERE score = 'engagement'
    GROUP BY customer_key, rule
)
GROUP BY customer_key
ORDER BY points_now DESC, customer_key
LIMIT {limit:UInt32}

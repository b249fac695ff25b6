-- How a customer's score got where it is: every event that gave or took points, what it gave, and the score after it.
-- For: marketing, sales, service
-- Cost: 0.07 s, 25 MiB
-- Parameter customer String: the customer, by the key of the profile or any that went into it.
-- Parameter score String = engagement: the score.
-- Parameter half_life_days Float64 = 14: half-life of the score, as the rules say it; 0 for one that does not fade.
-- Column occurred_at: when it happened.
-- Column type: what happened; `tick` where only time passed.
-- Column event_id: the event.
-- Column rule: the rule that gave the points.
-- Column points: what it gave or took.
-- Column points_now: what is left of them.
-- Column value: the score after the event.
-- Column band: the band that it moved to; empty where it stayed.
-- Column rules_version: version of the rules.
WITH
    person AS
    (
        SELECT if(count() = 0, {customer:String}, any(customer_key)) AS known
        FROM identity_now WHERE alias = {customer:String}
    ),
    names AS (SELECT alias FROM identity_now WHERE customer_key IN person UNION ALL SELECT known FROM person),
    moved AS
    (
        SELECT cause.1 AS event_id, customer_key, seq, new_band
        FROM score_changes
        WHERE customer_key IN names AND score = {score:String}
    )
SELECT
    if(earned_at = toDateTime64(0, 3, 'UTC'), events.occurred_at, earned_at)               AS occurred_at,
    type,
    events.event_id                                                                        AS event_id,
    rule,
    points,
    round(if({half_life_days:Float64} = 0, points, points
        * exp2(-dateDiff('second', earned_at, now('UTC')) / (86400 * {half_life_days:Float64}))), 4) AS points_now,
    round(scores[{score:String}], 4)                                                       AS value,
    new_band                                                                               AS band,
    rules_version
FROM events
LEFT ARRAY JOIN
    arrayFilter((rule, of) -> of = {score:String}, contributions.rule, contributions.score)                  AS rule,
    arrayFilter((given, of) -> of = {score:String}, contributions.points, contributions.score)               AS points,
    arrayFilter((at, of) -> of = {score:String}, contributions.occurred_at, contributions.score)             AS earned_at
LEFT JOIN moved ON moved.customer_key = events.customer_key AND moved.seq = events.seq
WHERE events.customer_key IN names AND (rule != '' OR new_band != '')
ORDER BY occurred_at, events.seq, rule

-- Who was in a segment at the end of a day.
-- For: marketing, sales, service
-- Cost: 0.07 s, 34 MiB
-- Parameter segment String: its name.
-- Parameter day Date = today: the day, UTC.
-- Column customer_key: the profile as it was called then.
-- Column profile_key: the profile that it belongs to now.
-- Column since: when it was entered.
-- Column why: what made them enter.
SELECT
    members.customer_key                                                                        AS customer_key,
    if(identity_now.customer_key = '', members.customer_key, identity_now.customer_key)         AS profile_key,
    since,
    why
FROM
(
    SELECT
        customer_key,
        argMax(change, (occurred_at, seq))       AS latest,
        max(occurred_at)                         AS since,
        argMax(why, (occurred_at, seq))          AS why
    FROM segment_changes
    WHERE segment = {segment:String} AND occurred_at < {day:Date} + 1
    GROUP BY customer_key
    HAVING latest = 'entered'
) AS members
LEFT JOIN identity_now ON identity_now.alias = members.customer_key
ORDER BY customer_key

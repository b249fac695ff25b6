-- What was refused, and why: the first thing to look at after a new version of a producer.
-- For: marketing, sales, service
-- Cost: 0.01 s, 0 MiB
-- Parameter days UInt16 = 7: refused within so many days.
-- Column topic: where it came from.
-- Column stage: step that refused it.
-- Column reason: reason code.
-- Column records: how many.
-- Column latest_at: the last one.
-- Column example: detail of the last one.
SELECT
    toString(topic)               AS topic,
    toString(stage)               AS stage,
    toString(reason)              AS reason,
    count()                       AS records,
    max(rejected_at)              AS latest_at,
    argMax(detail, rejected_at)   AS example
FROM dead_letters_now
WHERE rejected_at > now('UTC') - toIntervalDay({days:UInt16})
GROUP BY topic, stage, reason
ORDER BY records DESC, topic, stage, reason

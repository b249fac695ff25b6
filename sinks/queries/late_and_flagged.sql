-- Events that came late, with a wrong clock, from bots or from our own people, by where they came from.
-- For: marketing, service
-- Cost: 0.13 s, 5 MiB
-- Parameter days UInt16 = 7: received within so many days.
-- Parameter late_hours UInt16 = 24: late is what happened so long before it was received.
-- Column source: what sent it.
-- Column type: what it was.
-- Column events: how many.
-- Column late: of these, the late ones.
-- Column clamped: of these, with a time in the future, which was brought back.
-- Column bots: of these, from bots.
-- Column internal: of these, from our own addresses.
-- Column median_delay_secs: half of them came within so many seconds.
SELECT
    toString(source)                                                                          AS source,
    toString(type)                                                                            AS type,
    count()                                                                                   AS events,
    countIf(received_at > occurred_at + toIntervalHour({late_hours:UInt16}))                  AS late,
    countIf(time_clamped = 1)                                                                 AS clamped,
    countIf(traffic = 'bot')                                                                  AS bots,
    countIf(traffic = 'internal')                                                             AS internal,
    round(quantileTDigest(0.5)(dateDiff('millisecond', occurred_at, received_at)) / 1000, 1)  AS median_delay_secs
FROM events
WHERE received_at > now('UTC') - toIntervalDay({days:UInt16}) AND _topic NOT IN ('tick', 'rules', 'warmth-command')
GROUP BY source, type
ORDER BY late + clamped + bots + internal DESC, events DESC, source, type

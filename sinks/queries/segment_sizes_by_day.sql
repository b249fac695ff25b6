-- How large each segment was at the end of each day.
-- For: marketing, sales, service
-- Cost: 0.02 s, 4 MiB
-- Parameter days UInt16 = 30: so many days back.
-- Column segment: its name.
-- Column day: a day, UTC.
-- Column entered: how often it was entered on it.
-- Column left: how often it was left on it.
-- Column members: customers who were in it in the end.
WITH moves AS
(
    SELECT
        toString(segment)                                                                               AS segment,
        day,
        sum(segment_daily.entered)                                                                      AS entered,
        sum(segment_daily.left)                                                                         AS left,
        sum(toInt64(entered) - toInt64(left)) OVER (PARTITION BY segment ORDER BY day)                  AS members
    FROM segment_daily
    GROUP BY segment, day
),
calendar AS
(
    SELECT segment, toDate(now('UTC')) - number AS day
    FROM (SELECT DISTINCT segment FROM moves) AS known
    CROSS JOIN numbers(toUInt64({days:UInt16}) + 1) AS back
)
SELECT
    calendar.segment                                     AS segment,
    calendar.day                                         AS day,
    if(moves.day = calendar.day, moves.entered, 0)       AS entered,
    if(moves.day = calendar.day, moves.left, 0)          AS left,
    moves.members                                        AS members
FROM calendar
ASOF LEFT JOIN moves ON moves.segment = calendar.segment AND moves.day <= calendar.day
ORDER BY segment, day

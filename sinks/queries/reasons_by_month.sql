-- Why customers leave and why they stay, month by month.
-- For: marketing, sales, service
-- Cost: 0.13 s, 7 MiB
-- Parameter months UInt8 = 12: so many months back.
-- Column month: month of the answers.
-- Column survey: `leaving` or `staying`.
-- Column reason: the reason, as the form has it.
-- Column answers: how often it was given.
-- Column share: of all answers to that survey in that month, from 0 to 1.
SELECT
    toStartOfMonth(occurred_at)                                                 AS month,
    ifNull(properties.survey.:String, '')                                       AS survey,
    toString(reason)                                                            AS reason,
    count()                                                                     AS answers,
    round(answers / sum(answers) OVER (PARTITION BY month, survey), 4)          AS share
FROM events
WHERE type = 'survey_answered' AND survey IN ('leaving', 'staying')
    AND occurred_at >= toStartOfMonth(now('UTC')) - toIntervalMonth({months:UInt8})
GROUP BY month, survey, reason
ORDER BY month, survey, answers DESC, reason

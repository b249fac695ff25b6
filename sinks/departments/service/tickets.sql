-- Every word on every ticket, without its text.
SELECT
    profile_key                                     AS customer_key,
    occurred_at,
    type,
    ticket_id,
    channel,
    ifNull(properties.priority.:String, '')         AS priority,
    ifNull(properties.category.:String, '')         AS category,
    ifNull(properties.by.:String, '')               AS by,
    rating
FROM events_now
WHERE type IN ('ticket_opened', 'ticket_replied', 'ticket_solved', 'ticket_reopened', 'ticket_closed', 'ticket_rated')

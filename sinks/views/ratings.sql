-- Ratings of the help desk; `satisfied` as profiles count it: Freshdesk 101 to 103, 4 and 5 stars, thumbs up.
SELECT
    profile_key                                                          AS customer_key,
    occurred_at,
    ticket_id,
    assumeNotNull(rating)                                                AS rating,
    ifNull(properties.scale.:String, '')                                 AS scale,
    toUInt8((scale = 'freshdesk' AND rating BETWEEN 101 AND 103) OR (scale = 'stars5' AND rating >= 4)
        OR (scale = 'thumbs' AND rating = 1))                            AS satisfied
FROM events_now
WHERE type = 'ticket_rated' AND rating IS NOT NULL

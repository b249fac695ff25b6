-- Whom to talk to: warmth, segments, consents, how much was bought; nothing of tickets or deals.
SELECT
    customer_key, customer_id, first_seen_at, last_seen_at, engagement, engagement_as_of, engagement_band, fit_band, page_views,
    active_secs, orders, revenue, rfm_cell, segments, consents, city
FROM customers
WHERE NOT blocked

-- Who buys: warmth and fit, orders and what they brought, the role; whether a ticket is open, not what it says.
SELECT
    customer_key, customer_id, last_seen_at, engagement, engagement_as_of, engagement_band, fit, fit_band, orders, revenue,
    refunded, rfm_cell, open_tickets, segments, role, city
FROM customers
WHERE NOT blocked

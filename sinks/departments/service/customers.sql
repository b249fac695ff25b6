-- Who asks for help: tickets, satisfaction, reasons; how many orders, not what they cost, and no scores of marketing.
SELECT
    customer_key, customer_id, last_seen_at, orders, tickets, open_tickets, csat_satisfied, csat_answers, nps_score,
    leaving_reason, staying_reason
FROM customers
WHERE NOT blocked

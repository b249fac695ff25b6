-- What was paid and came back.
SELECT customer_key, occurred_at, type, currency, orders, revenue, refunded FROM money

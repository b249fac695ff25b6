-- Among the best tenth by revenue, those whose latest rating of the help desk was two stars or less. Call them.
WITH customers AS
(
    SELECT
        customer_key,
        sumIf(amount, type IN ('receipt_issued', 'order_completed'))                     AS revenue,
        argMaxIf(rating, occurred_at, type = 'ticket_rated')                             AS latest_rating,
        maxIf(occurred_at, type = 'ticket_rated')                                        AS rated_at
    FROM events
    GROUP BY customer_key
)
SELECT customer_key, revenue, latest_rating, rated_at
FROM customers
WHERE latest_rating <= 2 AND revenue >= (SELECT quantile(0.9)(revenue) FROM customers)
ORDER BY revenue DESC
LIMIT 10

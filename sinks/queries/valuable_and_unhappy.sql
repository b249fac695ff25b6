-- Among the best customers by net revenue in a currency, those whose latest rating of the help desk was bad: call them.
-- For: sales, service
-- Cost: 0.45 s, 49 MiB
-- Parameter best Float64 = 0.1: so large a share of the buyers is best; 0.1 is a tenth.
-- Parameter limit UInt32 = 10: at most so many rows, the highest revenue first.
-- Column customer_key: the profile.
-- Column currency: of the revenue.
-- Column revenue: what was paid less what came back.
-- Column rating: the latest rating, on its own scale.
-- Column rated_at: when it was given.
WITH
    paid AS
    (
        SELECT customer_key, currency, sum(money.revenue) - sum(money.refunded) AS net
        FROM money
        GROUP BY customer_key, currency
    ),
    best AS (SELECT currency, quantileExact(1 - {best:Float64})(net) AS floor FROM paid GROUP BY currency),
    rated AS
    (
        SELECT customer_key, argMax((rating, satisfied), occurred_at) AS latest, max(occurred_at) AS rated_at
        FROM ratings
        GROUP BY customer_key
    )
SELECT paid.customer_key AS customer_key, currency, net AS revenue, latest.1 AS rating, rated_at
FROM paid
INNER JOIN best USING (currency)
INNER JOIN rated ON rated.customer_key = paid.customer_key
WHERE net >= floor AND latest.2 = 0
ORDER BY revenue DESC, customer_key, currency
LIMIT {limit:UInt32}

-- A row for each line of a receipt, an order or a refund.
SELECT
    profile_key                    AS customer_key,
    occurred_at,
    type,
    event_id,
    store_id,
    line.product_id                AS product_id,
    line.name                      AS name,
    line.category                  AS category,
    line.quantity                  AS quantity,
    line.price                     AS price,
    line.discount                  AS discount,
    line.total                     AS total,
    currency
FROM events_now
ARRAY JOIN lines AS line
WHERE _topic = 'purchase'

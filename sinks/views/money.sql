-- What customers paid and got back: a row for each purchase that counts as an order, and for each refund.
SELECT
    profile_key                                                   AS customer_key,
    occurred_at,
    type,
    currency,
    toUInt8(type IN ('receipt_issued', 'order_completed'))        AS orders,
    if(orders, assumeNotNull(amount), toDecimal64(0, 4))          AS revenue,
    refunded
FROM events_now
WHERE (type IN ('receipt_issued', 'order_completed') AND amount > 0) OR refunded != 0

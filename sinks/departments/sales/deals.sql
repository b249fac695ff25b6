-- Every word on every deal.
SELECT
    profile_key                                     AS customer_key,
    occurred_at,
    type,
    deal_id,
    ifNull(properties.stage.:String, '')            AS stage,
    script_id,
    ifNull(properties.buyer_role.:String, '')       AS buyer_role,
    amount,
    currency,
    reason
FROM events_now
WHERE type IN ('deal_opened', 'deal_moved', 'deal_won', 'deal_lost')

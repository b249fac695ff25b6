-- The profiles that went into no other one.
SELECT
    customer_key,
    version,
    state,
    JSONExtractString(state, 'customer_id')                                   AS customer_id,
    JSONExtractFloat(state, 'scores', 'engagement', 1)                        AS engagement,
    fromUnixTimestamp64Micro(JSONExtractInt(state, 'scores', 'engagement', 2), 'UTC') AS engagement_as_of,
    JSONExtractString(state, 'scores', 'engagement', 3)                       AS engagement_band,
    JSONExtractFloat(state, 'scores', 'fit', 1)                               AS fit,
    JSONExtractString(state, 'scores', 'fit', 3)                              AS fit_band,
    JSONExtractInt(state, 'orders')                                           AS orders,
    loaded_at
FROM profiles_kept
WHERE JSONExtractString(state, 'merged_into') = ''

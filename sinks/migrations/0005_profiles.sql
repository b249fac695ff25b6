-- The latest state of every profile; version = revision << 56 | seq. Read it through profiles_now.
CREATE TABLE IF NOT EXISTS profiles
(
    customer_key String,
    version      UInt64,
    state        String CODEC(ZSTD(1)),
    is_deleted   UInt8,
    loaded_at    DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY customer_key
SETTINGS non_replicated_deduplication_window = 100000;

CREATE VIEW IF NOT EXISTS profiles_now AS
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
FROM profiles FINAL
WHERE is_deleted = 0;

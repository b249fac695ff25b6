-- All that the table of profiles holds.
SELECT customer_key, version, state, loaded_at FROM profiles FINAL WHERE is_deleted = 0

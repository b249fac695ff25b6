-- Everybody as the rows know them, with the key of the profile that they belong to now.
SELECT
    events.*,
    if(identity_now.customer_key = '', events.customer_key, identity_now.customer_key) AS profile_key
FROM events
LEFT JOIN identity_now ON identity_now.alias = events.customer_key

-- Every name that leads to another profile, and to which one.
SELECT
    alias,
    argMax(kind, seq)         AS kind,
    argMax(customer_key, seq) AS customer_key,
    argMax(occurred_at, seq)  AS since
FROM identity_links
GROUP BY alias
HAVING customer_key != alias

-- What customers did on the site, and what brought them.
SELECT customer_key, occurred_at, type, session_id, page_path, product_id, source, campaign_medium, campaign_name, device_type
FROM visits

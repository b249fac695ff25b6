-- What customers did on the site, without bots and our own people; `source` is that of the campaign, else `direct`.
SELECT
    profile_key                                            AS customer_key,
    occurred_at,
    type,
    session_id,
    page_path,
    product_id,
    if(campaign_source = '', 'direct', campaign_source)    AS source,
    campaign_medium,
    campaign_name,
    device_type
FROM events_now
WHERE _topic = 'site-interaction' AND traffic = ''

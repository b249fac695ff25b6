-- What customers allowed, took back and forbade, and what proves it.
CREATE TABLE IF NOT EXISTS consent_log
(
    customer_key    String,
    occurred_at     DateTime64(3, 'UTC'),
    received_at     DateTime64(3, 'UTC'),
    type            LowCardinality(String),
    event_id        String,
    source          LowCardinality(String),
    purpose         LowCardinality(String),
    channels        Array(LowCardinality(String)),
    valid_until     Nullable(DateTime64(3, 'UTC')),
    url             String,
    wording_version LowCardinality(String),
    reason          String
)
ENGINE = MergeTree
ORDER BY (customer_key, occurred_at, event_id)
SETTINGS non_replicated_deduplication_window = 100000;

CREATE MATERIALIZED VIEW IF NOT EXISTS consent_log_view TO consent_log AS
SELECT
    customer_key,
    occurred_at,
    received_at,
    type,
    event_id,
    source,
    ifNull(properties.purpose.:String, '')                                        AS purpose,
    arrayMap(channel -> toString(channel), ifNull(properties.channels.:`Array(Nullable(String))`, [])) AS channels,
    parseDateTime64BestEffortOrNull(properties.valid_until.:String, 3, 'UTC')     AS valid_until,
    ifNull(properties.evidence.url.:String, '')                                   AS url,
    ifNull(properties.evidence.wording_version.:String, '')                       AS wording_version,
    ifNull(properties.reason.:String, '')                                         AS reason
FROM events
WHERE _topic = 'consent' AND type != 'erasure_requested';

INSERT INTO consent_log
SELECT
    customer_key,
    occurred_at,
    received_at,
    type,
    event_id,
    source,
    ifNull(properties.purpose.:String, ''),
    arrayMap(channel -> toString(channel), ifNull(properties.channels.:`Array(Nullable(String))`, [])),
    parseDateTime64BestEffortOrNull(properties.valid_until.:String, 3, 'UTC'),
    ifNull(properties.evidence.url.:String, ''),
    ifNull(properties.evidence.wording_version.:String, ''),
    ifNull(properties.reason.:String, '')
FROM events
WHERE _topic = 'consent' AND type != 'erasure_requested'
    AND (customer_key, event_id) NOT IN (SELECT customer_key, event_id FROM consent_log);

-- Who asked to be forgotten, and by when that must be done.
CREATE TABLE IF NOT EXISTS erasure_log
(
    customer_key String,
    requested_at DateTime64(3, 'UTC'),
    received_at  DateTime64(3, 'UTC'),
    event_id     String,
    request_id   String,
    due_at       Nullable(DateTime64(3, 'UTC'))
)
ENGINE = MergeTree
ORDER BY (customer_key, requested_at, event_id)
SETTINGS non_replicated_deduplication_window = 100000;

CREATE MATERIALIZED VIEW IF NOT EXISTS erasure_log_view TO erasure_log AS
SELECT
    customer_key,
    occurred_at                                                          AS requested_at,
    received_at,
    event_id,
    ifNull(properties.request_id.:String, '')                            AS request_id,
    parseDateTime64BestEffortOrNull(properties.due_at.:String, 3, 'UTC') AS due_at
FROM events
WHERE type = 'erasure_requested';

INSERT INTO erasure_log
SELECT
    customer_key,
    occurred_at,
    received_at,
    event_id,
    ifNull(properties.request_id.:String, ''),
    parseDateTime64BestEffortOrNull(properties.due_at.:String, 3, 'UTC')
FROM events
WHERE type = 'erasure_requested' AND (customer_key, event_id) NOT IN (SELECT customer_key, event_id FROM erasure_log);

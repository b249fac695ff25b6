-- How a refund ended ('' for all else: matched, waiting, late, mismatch), and when the points of each contribution count:
-- a refund takes points back at the time of its purchase, so that sum(points * exp2(-age / half-life)) is the score.
ALTER TABLE events
    ADD COLUMN IF NOT EXISTS refund_state LowCardinality(String),
    ADD COLUMN IF NOT EXISTS contributions.occurred_at Array(DateTime64(3, 'UTC'))
        DEFAULT arrayMap(rule -> occurred_at, contributions.rule);

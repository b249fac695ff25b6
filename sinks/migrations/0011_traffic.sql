-- Whose an event is: empty for a customer's; `bot` and `internal` are stored, never scored.
ALTER TABLE events
    ADD COLUMN IF NOT EXISTS traffic LowCardinality(String);

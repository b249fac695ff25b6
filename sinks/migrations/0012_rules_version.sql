-- Version of the rules that judged an event; 0 where none did.
ALTER TABLE events
    ADD COLUMN IF NOT EXISTS rules_version UInt32;

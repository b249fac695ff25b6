-- What dead letters carry is encrypted by now; older ones are not.
ALTER TABLE dead_letters ADD COLUMN IF NOT EXISTS is_sealed Bool DEFAULT false AFTER headers;

CREATE OR REPLACE VIEW dead_letters_now AS SELECT * FROM dead_letters FINAL;

-- What dead letters carry is encrypted by now; older ones are not.
ALTER TABLE dead_letters ADD COLUMN IF NOT EXISTS is_sealed Bool DEFAULT false AFTER headers;

DROP VIEW IF EXISTS dead_letters_now;

CREATE VIEW IF NOT EXISTS dead_letters_now AS SELECT * FROM dead_letters FINAL;

-- What came back through an event, in the currency of its row: of a refund, or of a purchase that a refund waited for. So sums
-- over it are `value.refunded` of the profiles.
ALTER TABLE events
    ADD COLUMN IF NOT EXISTS refunded Decimal(18, 4);

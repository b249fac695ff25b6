-- Reads rows as table events does and keeps none: finds the rows that ClickHouse refuses.
CREATE TABLE IF NOT EXISTS events_tried AS events ENGINE = Null;

"""ClickHouse: numbered migrations, the loader's protocol, the library of segmentation queries."""

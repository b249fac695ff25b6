"""What runs Warmth: the embedded stack, Kafka from Maven artifacts, images, dashboards."""

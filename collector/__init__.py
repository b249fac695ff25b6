"""The edge: trackers, tills and help desks post what they have; what is acknowledged stands in Kafka."""

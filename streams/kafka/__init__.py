"""Kafka without Faust: topics as plain data, publishing, transactions, what is visible in a log."""

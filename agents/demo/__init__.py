"""The demo: what it sends, what it measures, what it prints."""

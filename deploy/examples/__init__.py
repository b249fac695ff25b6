"""Programs of subscribers, to be copied: they need nothing of Warmth."""

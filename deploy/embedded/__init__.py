"""The embedded stack: every process of Warmth on one machine, from packages alone."""

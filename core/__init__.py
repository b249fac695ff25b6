"""The pure heart: from a record's bytes to a profile and what it says. No I/O, no clock, no randomness."""

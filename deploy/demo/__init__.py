"""Input of the demo: real baskets, and a seeded simulator that is labelled as such."""

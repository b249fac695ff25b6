"""Real stacks for tests, plain clients beside them, and the comparison with the reference."""

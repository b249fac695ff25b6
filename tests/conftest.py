"""Hypothesis in every suite: the same examples in every run, and no deadline on a busy machine."""

from hypothesis import settings

settings.register_profile("warmth", max_examples=50, derandomize=True, deadline=None, database=None)
settings.load_profile("warmth")

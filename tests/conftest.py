"""Hypothesis in every suite: the same examples in every run, and no deadline on a busy machine.

`pytest tests/unit --hypothesis-profile thorough` looks further.
"""

from hypothesis import settings

settings.register_profile("quick", max_examples=30, derandomize=True, deadline=None, database=None)
settings.register_profile("thorough", max_examples=1_000, deadline=None, database=None)
settings.load_profile("quick")

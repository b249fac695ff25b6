"""Facts: what conditions on a profile may name, when events move them, and when passing time does."""

from core.facts.catalogue import fact
from core.facts.kinds import EVERY, SCORES, Fact, Known, Turn, Value

__all__ = ["EVERY", "SCORES", "Fact", "Known", "Turn", "Value", "fact"]

"""What a comparison says: agreement, or the first thing that disagrees."""

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Finding:
    """The first disagreement of a check; places are None where it has none in a log."""

    topic: str | None
    partition: int | None
    offset: int | None
    what: str

    def __str__(self) -> str:
        """Return it as one line."""
        if self.topic is None:
            return self.what
        return f"{self.topic}, partition {self.partition}, offset {self.offset}: {self.what}"


@dataclass(frozen=True)
class Check:
    """One comparison of two sides; `compared` counts what was looked at."""

    name: str
    compared: int
    finding: Finding | None = None

    @property
    def agrees(self) -> bool:
        """Whether both sides say the same."""
        return self.finding is None


@dataclass
class Report:
    """What `warmth reconcile --json` prints."""

    lag: dict[str, int] = field(default_factory=dict)
    checks: list[Check] = field(default_factory=list)

    @property
    def agrees(self) -> bool:
        """Whether everything agrees."""
        return all(check.agrees for check in self.checks)

    def document(self) -> dict[str, Any]:
        """Return it for JSON."""
        checks = [
            {
                "name": check.name,
                "agrees": check.agrees,
                "compared": check.compared,
                "finding": None if check.finding is None else asdict(check.finding),
            }
            for check in self.checks
        ]
        return {"agrees": self.agrees, "lag": self.lag, "checks": checks}

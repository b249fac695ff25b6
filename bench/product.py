"""Rules and parameters of the full product: what the shipped ones and a large shop's segments make together."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import yaml

from schemas.parameters import Parameters
from streams.settings import RULES_DIR

_MORE: Final = Path(__file__).parent / "rules_full" / "segments.yaml"


def parameters(currency: str) -> Parameters:
    """Return a value model as `warmth fit` publishes it: the published fit of CDNOW, in `currency`."""
    return Parameters.model_validate(
        {
            "version": 1,
            "fitted_at": "2026-01-01T00:00:00Z",
            "unit": "weeks",
            "bgnbd": {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426},
            "gamma_gamma": {"p": 6.25, "q": 3.74, "v": 15.44, "currency": currency},
            "rfm": {
                "recency_days": [3, 10, 30, 90],
                "frequency": [1, 2, 4, 8],
                "monetary": [20, 50, 100, 200],
                "currency": currency,
            },
            "log_likelihood": -9582.4,
            "customers": 2357,
            "transactions": 4814,
        }
    )


@contextmanager
def rules_folder() -> Iterator[Path]:
    """Hold the shipped rules, and the segments that the bench adds, in a folder for as long as the block runs."""
    with TemporaryDirectory(prefix="warmth-rules-") as name:
        folder = Path(name) / "rules"
        shutil.copytree(RULES_DIR, folder, ignore=shutil.ignore_patterns("__pycache__", "fixtures"))
        shipped, more = (yaml.safe_load(path.read_text(encoding="utf-8")) for path in (folder / _MORE.name, _MORE))
        both = {part: {**shipped[part], **more[part]} for part in ("windows", "segments")}
        (folder / _MORE.name).write_text(yaml.safe_dump(both, sort_keys=False), encoding="utf-8")
        yield folder

"""Rules that are newer than the shipped ones: another threshold, one more segment, other points for a trait."""

import shutil
from pathlib import Path

from tests.support.verify import RULES

_FANS = """
  fans:
    title: has been here
    where: {scores.engagement: {at_least: 3}}
"""
_REPLACED = {
    "scores.yaml": {"{name: warm, from: 20}": "{name: warm, from: 6}", "hysteresis: 3": "hysteresis: 1"},
    "fit.yaml": {"points: 20": "points: 25"},
}


def newer_rules(folder: Path) -> Path:
    """Return `folder`, with such rules in it."""
    shutil.copytree(RULES, folder, ignore=shutil.ignore_patterns("fixtures", "__pycache__", "*.py"))
    for name, replaced in _REPLACED.items():
        text = (folder / name).read_text()
        for old, new in replaced.items():
            assert old in text
            text = text.replace(old, new, 1)
        (folder / name).write_text(text)
    with (folder / "segments.yaml").open("a") as file:
        file.write(_FANS)
    return folder

"""Reads `rules/*.yaml`; an error names file, line and field."""

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from core.rules import CompiledRules, RuleSet, compile_rules

PLAN_FILE = "tracking_plan.yaml"


class RulesError(Exception):
    """The rules can not be used; the message says where and why."""


def read_rules(folder: Path) -> CompiledRules:
    """Return the rules of all files in `folder`, compiled.

    Raises:
        RulesError: A file is missing, is no YAML, or says what no rule can say.
    """
    files = sorted(path for path in folder.glob("*.yaml") if path.name != PLAN_FILE)
    if not files:
        raise RulesError(f"{folder}: holds no *.yaml; set WARMTH_RULES_DIR to the folder of the rules")
    merged: dict[str, Any] = {"rules": []}
    origins: list[str] = []
    for path in files:
        document = _load(path)
        rules = document.pop("rules", None) or []
        origins += [f"{path.name}, rule {rule.get('id', '?') if isinstance(rule, dict) else '?'}" for rule in rules]
        merged["rules"] += rules
        merged.update(document)
    try:
        return compile_rules(RuleSet.model_validate(merged))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        loc = list(first["loc"])
        where = folder.name
        if len(loc) > 1 and loc[0] == "rules" and isinstance(loc[1], int):
            where, loc = origins[loc[1]], loc[2:]
        field = ".".join(map(str, loc)) or "rules"
        raise RulesError(f"{where}: {field}: {first['msg'].removeprefix('Value error, ')}") from None


def read_plan(folder: Path) -> dict[str, frozenset[str]]:
    """Return the declared properties of each custom event; nothing where there is no tracking plan.

    Raises:
        RulesError: The file is no YAML or has another shape.
    """
    path = folder / PLAN_FILE
    if not path.exists():
        return {}
    events = _load(path).get("events") or {}
    if not isinstance(events, dict) or not all(isinstance(names, list) for names in events.values()):
        raise RulesError(f"{path.name}: events: must be a list of property names by event name")
    return {str(name): frozenset(map(str, names)) for name, names in events.items()}


def _load(path: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise RulesError(f"{path.name}, line {line}: {error.problem}") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RulesError(f"{path.name}: {error}") from None
    if not isinstance(document, dict):
        raise RulesError(f"{path.name}: must be a mapping, such as `rules:` with a list below")
    return document

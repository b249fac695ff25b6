"""Reads `rules/*.yaml`; an error names file, line and field."""

from pathlib import Path
from typing import Any, NamedTuple

import yaml
from pydantic import ValidationError

from core.rules import CompiledRules, RuleSet, compile_rules

PLAN_FILE = "tracking_plan.yaml"


class _Origin(NamedTuple):
    """Where a rule stands."""

    path: Path
    number: int
    id: str | None

    def line(self, field: str) -> int:
        """Return the line of a field of the rule, or of the rule itself, counted from 1."""
        document = yaml.compose(self.path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        pairs = document.value if isinstance(document, yaml.MappingNode) else []
        rules = next(value for key, value in pairs if key.value == "rules")
        rule = rules.value[self.number]
        fields = rule.value if isinstance(rule, yaml.MappingNode) else []
        node = next((key for key, _ in fields if key.value == field), rule)
        return int(node.start_mark.line) + 1


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
    origins: list[_Origin] = []
    for path in files:
        document = _load(path)
        rules = document.pop("rules", None) or []
        if not isinstance(rules, list):
            raise RulesError(f"{path.name}: rules: must be a list")
        if twice := merged.keys() & document.keys():
            raise RulesError(f"{path.name}: {min(twice)}: stands in another file, too")
        origins += [
            _Origin(path, number, rule.get("id") if isinstance(rule, dict) else None) for number, rule in enumerate(rules)
        ]
        merged["rules"] += rules
        merged.update(document)
    try:
        return compile_rules(RuleSet.model_validate(merged))
    except ValidationError as error:
        raise _located(error, origins, folder) from None


def _located(error: ValidationError, origins: list[_Origin], folder: Path) -> RulesError:
    """Return the first error with the file, line and field that it is about."""
    first = error.errors(include_url=False)[0]
    loc, message = list(first["loc"]), first["msg"].removeprefix("Value error, ")
    origin = next((known for known in origins if f"rule {known.id}:" in message), None)
    if len(loc) > 1 and loc[0] == "rules" and isinstance(loc[1], int):
        origin, loc = origins[loc[1]], loc[2:]
    field = ".".join(map(str, loc))
    if origin is None:
        return RulesError(f"{folder.name}: {field or 'rules'}: {message}")
    where = f"{origin.path.name}, line {origin.line(str(loc[0]) if loc else '')}, rule {origin.id or '?'}"
    return RulesError(f"{where}: {field or 'rule'}: {message}")


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
        raise RulesError(f"{path.name}: {' '.join(str(error).split())}") from None
    if not isinstance(document, dict):
        raise RulesError(f"{path.name}: must be a mapping, such as `rules:` with a list below")
    return document

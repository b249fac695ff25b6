"""Reads `rules/*.yaml`; an error names file, line and field."""

from collections.abc import Sequence
from datetime import UTC, tzinfo
from pathlib import Path
from typing import TypeVar

from core.identifiers import Identifiers, IdentitySpec
from core.rules import CompiledRules, RuleSet, compile_rules
from core.traffic import Network
from streams.rules_examined import Examined, Plan, Problem, examine, examine_identity, examine_networks, examine_plan
from streams.settings import StreamSettings

T = TypeVar("T")


class RulesError(Exception):
    """The rules can not be used; the message says where and why."""


def read_rules(folder: Path, zone: tzinfo = UTC) -> CompiledRules:
    """Return the rules of all files in `folder`, compiled; a day of a cap is one of `zone`.

    Raises:
        RulesError: A file is missing, is no YAML, or says what no rule can say.
    """
    return compile_rules(read_rule_set(folder), zone)


def read_rule_set(folder: Path) -> RuleSet:
    """Return the rules of all files in `folder` as they are said.

    Raises:
        RulesError: A file is missing, is no YAML, or says what no rule can say.
    """
    examined = examine(folder)
    if examined.rules is None:
        raise RulesError(_first(examined))
    return examined.rules


def read_plan(folder: Path) -> Plan:
    """Return the declared properties of each custom event; nothing where there is no tracking plan.

    Raises:
        RulesError: The file is no YAML or has another shape.
    """
    return _sound(*examine_plan(folder))


def read_identity(folder: Path) -> IdentitySpec:
    """Return what ids may do; what is usual where there is no file of it.

    Raises:
        RulesError: The file is no YAML, or says what can not be.
    """
    return _sound(*examine_identity(folder))


def identifiers_of(settings: StreamSettings) -> Identifiers:
    """Return what spells ids, by the folder and the secret of the settings.

    Raises:
        RulesError: The file is no YAML, or says what can not be.
    """
    return Identifiers(read_identity(settings.rules_dir), settings.hash_key.get_secret_value().encode())


def read_networks(folder: Path) -> list[Network]:
    """Return our own networks; none where there is no file of them.

    Raises:
        RulesError: The file is no YAML, or lists what is no network.
    """
    return _sound(*examine_networks(folder))


def _sound(read: T, problems: Sequence[Problem]) -> T:
    """Return what a file says, unless something is wrong with it."""
    errors = [problem for problem in problems if not problem.warning]
    if errors:
        raise RulesError(str(errors[0]))
    return read


def _first(examined: Examined) -> str:
    errors = [problem for problem in examined.problems if not problem.warning]
    more = f" (and {len(errors) - 1} more: `warmth rules check` lists them)" if errors[1:] else ""
    return f"{errors[0]}{more}"

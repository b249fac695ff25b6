"""Looks at a folder of rules and says of everything that is wrong where it stands and what to do."""

from collections.abc import Iterable, Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from core.checks import Finding, Names, group_findings, rule_findings, score_findings, window_findings
from core.conditions import Test
from core.identifiers import IdentitySpec
from core.names import nearest
from core.rules import Band, Cap, Frame, Grade, Group, Rule, RuleSet, ScoreSpec, compile_rules
from core.segment_checks import segment_findings
from core.traffic import KEPT_BITS, Network
from streams.located_yaml import Located, Place, UnreadableError, read_located

PLAN_FILE: Final = "tracking_plan.yaml"
TRAFFIC_FILE: Final = "traffic.yaml"
IDENTITY_FILE: Final = "identity.yaml"
Plan = dict[str, frozenset[str]]
_SHARED: Final = frozenset({"groups", "windows", "segments"})
"""Parts that several files may add to."""
_FIELDS: Final = sorted(
    {
        info.alias or name
        for spec in (Rule, RuleSet, ScoreSpec, Band, Grade, Group, Cap, Test, IdentitySpec)
        for name, info in spec.model_fields.items()
    }
)


class Problem(NamedTuple):
    """One thing that is wrong. `file` names the folder where no file says it; `line` is None where nothing is there."""

    file: str
    line: int | None
    rule: str | None
    field: str
    message: str
    warning: bool = False

    def __str__(self) -> str:
        """Return one line: file, line, rule, field, and what to do."""
        where = [self.file, *([f"line {self.line}"] if self.line else []), *([f"rule {self.rule}"] if self.rule else [])]
        return ": ".join(filter(None, [", ".join(where), self.field or (self.rule and "rule"), self.message]))


_Heads = dict[Place, "_Part"]
"""The file of each thing that stands beside the rules, by its place."""


class Examined(NamedTuple):
    """The rules of a folder, None where there are errors, and everything that is wrong with them."""

    rules: RuleSet | None
    problems: list[Problem]


class _Part(NamedTuple):
    """A part of a file: a rule, or what stands beside the rules; `name` is the rule's id."""

    file: str
    located: Located
    place: Place
    name: str | None

    @property
    def value(self) -> Any:
        value = self.located.value
        for step in self.place:
            value = value[step]
        return value

    def problem(self, inner: Place, message: str, *, warning: bool = False) -> Problem:
        line = self.located.line((*self.place, *inner))
        return Problem(self.file, line, self.name, ".".join(map(str, inner)), message, warning)


def examine(folder: Path) -> Examined:
    """Return the rules of all files in `folder`, and all that is wrong with them."""
    paths = sorted(path for path in folder.glob("*.yaml") if path.name not in (PLAN_FILE, TRAFFIC_FILE, IDENTITY_FILE))
    if not paths:
        message = "holds no *.yaml; set WARMTH_RULES_DIR to the folder of the rules"
        return Examined(None, [Problem(str(folder), None, None, "", message)])
    unread = sorted(folder.glob("*.yml"))
    problems = [Problem(path.name, None, None, "", "is not read; call it *.yaml, or move it away") for path in unread]
    heads, parts = _parts(paths, problems)
    plan, wrong_plan = examine_plan(folder)
    problems += wrong_plan + examine_networks(folder)[1] + examine_identity(folder)[1]
    rules = [(number, rule) for number, part in enumerate(parts) if (rule := _rule(part, problems)) is not None]
    frame = _frame(heads, folder, problems)
    said = _said(heads)
    names = Names(_names(said.get("scores")), _names(said.get("groups")), frozenset[str]().union(*plan.values()))
    findings = [*rule_findings(rules, names)]
    for number in set(range(len(parts))) - dict(rules).keys():
        findings += _of_remains(number, parts[number].value, names)
    if frame is not None:
        findings += [*group_findings(rules, frame.groups), *score_findings(frame, rules), *segment_findings(frame, rules)]
        findings += window_findings(frame, names.properties)
    for finding in findings:
        part = _head(heads, finding.path) if finding.rule is None else parts[finding.rule]
        if part is not None:
            problems.append(part.problem(finding.path, finding.message, warning=finding.warning))
    problems.sort(key=lambda problem: (problem.warning, problem.file, problem.line or 0))
    if frame is None or not all(problem.warning for problem in problems):
        return Examined(None, problems)
    try:
        rule_set = RuleSet.model_validate({**dict(frame), "rules": [rule for _, rule in rules]})
        compile_rules(rule_set)
    except ValueError as error:  # what only the whole can tell: facts, and segments that use each other
        return Examined(None, [*problems, _of_the_whole(error, heads, parts, folder)])
    return Examined(rule_set, problems)


def _of_the_whole(error: ValueError, heads: _Heads, parts: list[_Part], folder: Path) -> Problem:
    """Return the problem of rules that are sound one by one; the message begins with what it is about."""
    said = error.errors()[0]["msg"].removeprefix("Value error, ") if isinstance(error, ValidationError) else str(error)
    about, _, message = said.partition(": ")
    kind, _, name = about.partition(" ")
    held = kind == "segment" and name not in _names(_said(heads).get("segments"))  # a rule on the profile is compiled as one
    if kind == "rule" or held:
        return next(part for part in parts if part.name == name).problem((), message)
    file = _head(heads, (f"{kind}s", name))
    return Problem(folder.name, None, None, kind, said) if file is None else file.problem((f"{kind}s", name), message)


def examine_plan(folder: Path) -> tuple[Plan, list[Problem]]:
    """Return the declared properties of each custom event, none without a tracking plan, and what is wrong with it."""
    path = folder / PLAN_FILE
    if not path.exists():
        return {}, []
    problems: list[Problem] = []
    file = _file(path, problems)
    events = {} if file is None else file.value.get("events") or {}
    if not isinstance(events, dict) or not all(isinstance(names, list) for names in events.values()):
        return {}, [Problem(path.name, None, None, "events", "must be a list of property names by event name")]
    return {str(name): frozenset(map(str, names)) for name, names in events.items()}, problems


def examine_networks(folder: Path) -> tuple[list[Network], list[Problem]]:
    """Return our own networks, none without a file of them, and what is wrong with it."""
    path = folder / TRAFFIC_FILE
    problems: list[Problem] = []
    file = _file(path, problems) if path.exists() and path.read_bytes().strip() else None
    if file is None:
        return [], problems
    problems += (file.problem((name,), "is no field here; remove it") for name in file.value.keys() - {"internal"})
    listed = file.value.get("internal") or []
    if not isinstance(listed, list):
        return [], [*problems, file.problem(("internal",), "must be a list of networks, such as 192.0.2.0/24")]
    networks: list[Network] = []
    for number, network in enumerate(listed):
        try:
            networks.append(ip_network(str(network)))
        except ValueError as error:
            problems.append(file.problem(("internal", number), f"{error}; write a network, such as 192.0.2.0/24"))
            continue
        kept = KEPT_BITS[networks[-1].version]
        if networks[-1].prefixlen > kept:
            message = f"the edge cuts addresses to /{kept}, so this is met by those of direct producers only; write /{kept}"
            problems.append(file.problem(("internal", number), message, warning=True))
    return networks, problems


def examine_identity(folder: Path) -> tuple[IdentitySpec, list[Problem]]:
    """Return what ids may do, what is usual without a file of it, and what is wrong with the file."""
    path = folder / IDENTITY_FILE
    problems: list[Problem] = []
    file = _file(path, problems) if path.exists() else None
    if file is None:
        return IdentitySpec(), problems
    try:
        return IdentitySpec.model_validate(file.value), problems
    except ValidationError as error:
        problems += (file.problem(place, message) for place, message in located_errors(error, file.value))
        return IdentitySpec(), problems


def _file(path: Path, problems: list[Problem]) -> _Part | None:
    """Return the whole of a file, or None where it can not be used."""
    try:
        located = read_located(path)
    except UnreadableError as error:
        problems.append(Problem(path.name, error.line, None, "", str(error)))
        return None
    file = _Part(path.name, located, (), None)
    if not isinstance(located.value, dict):
        message = "must be a mapping, such as `rules:` with a list below"
        problems.append(Problem(path.name, None, None, "", message))
        return None
    problems += (file.problem(place, "stands twice; the first is not read") for place in located.repeated)
    return file


def _parts(paths: Iterable[Path], problems: list[Problem]) -> tuple[_Heads, list[_Part]]:
    """Return the file of each thing that stands beside the rules, and every rule."""
    heads: _Heads = {}
    rules: list[_Part] = []
    for file in filter(None, (_file(path, problems) for path in paths)):
        for place in _head_places(file.value):
            if place in heads:
                problems.append(file.problem(place, f"stands in {heads[place].file}, too; keep one of them"))
            heads[place] = file
        listed = file.value.get("rules") or []
        if not isinstance(listed, list):
            problems.append(file.problem(("rules",), "must be a list"))
            continue
        for number, rule in enumerate(listed):
            id_ = rule.get("id") if isinstance(rule, dict) else None
            rules.append(_Part(file.file, file.located, ("rules", number), str(id_ or "?")))
    return heads, rules


def _head_places(said: dict[str, Any]) -> Iterator[Place]:
    """Yield the places of all that stands beside the rules; each file may have groups, windows and segments of its own."""
    for name, value in said.items():
        if name in _SHARED and isinstance(value, dict):
            yield from ((name, str(inner)) for inner in value)
        elif name != "rules":
            yield (str(name),)


def _head(heads: _Heads, place: Place) -> _Part | None:
    return heads.get(place[:2]) or heads.get(place[:1])


def _rule(part: _Part, problems: list[Problem]) -> Rule | None:
    try:
        return Rule.model_validate(part.value)
    except ValidationError as error:
        problems += (part.problem(place, message) for place, message in located_errors(error, part.value))
        return None


def _of_remains(number: int, said: Any, names: Names) -> Iterator[Finding]:
    """Yield what else is wrong with a rule that can not be read: its names and conditions, as far as they can be."""
    if not isinstance(said, dict):
        return
    remains: dict[str, Any] = {"id": "remains", "score": "", "event": [], "points": 1}
    for name in ("score", "event", "group"):
        if name in said and _fits({**remains, name: said[name]}):
            remains[name] = said[name]
    when = said.get("when")
    conditions = when.items() if isinstance(when, dict) else ()
    remains["when"] = {path: test for path, test in conditions if _fits({**remains, "when": {path: test}})}
    for finding in rule_findings([(number, Rule.model_validate(remains))], names):
        if said.keys() & {finding.path[0]} and not finding.warning:
            yield finding


def _fits(said: dict[str, Any]) -> bool:
    try:
        Rule.model_validate(said)
    except ValidationError:
        return False
    return True


def _frame(heads: _Heads, folder: Path, problems: list[Problem]) -> Frame | None:
    said = _said(heads)
    try:
        return Frame.model_validate(said)
    except ValidationError as error:
        for where, said_of_it in located_errors(error, said):
            place = where or ("grade",)  # what the frame's own validator is about
            file, field, message = _head(heads, place), ".".join(map(str, place)), said_of_it.removeprefix("grade: ")
            problems.append(file.problem(place, message) if file else Problem(folder.name, None, None, field, message))
        return None


def _said(heads: _Heads) -> dict[str, Any]:
    """Return all that stands beside the rules as if it stood in one file."""
    said: dict[str, Any] = {}
    for (name, *group), file in heads.items():
        value = file.value.get(name)
        if group and isinstance(said.setdefault(str(name), {}), dict):
            said[str(name)] |= {group[0]: value.get(group[0])}
        elif not group:
            said[str(name)] = value
    return said


def _names(said: Any) -> frozenset[str]:
    """Return the names in a part of the head, whether or not that is right otherwise."""
    return frozenset(map(str, said)) if isinstance(said, dict) else frozenset()


def located_errors(error: ValidationError, said: Any) -> Iterator[tuple[Place, str]]:
    """Yield each wrong place with what is wrong; several words on one place, from the kinds it may have, are joined."""
    messages: dict[Place, list[str]] = {}
    for one in error.errors(include_url=False):
        message = one["msg"].removeprefix("Value error, ")
        if one["type"] == "extra_forbidden":
            message = f"is no field here{nearest(str(one['loc'][-1]), _FIELDS) or '; remove it'}"
        named = one["type"] in ("missing", "extra_forbidden")
        messages.setdefault(_known(one["loc"], said, named=named), []).append(message)
    for place, several in messages.items():
        yield place, " or ".join(dict.fromkeys(several))


def _known(place: Place, said: Any, *, named: bool) -> Place:
    """Return as much of an error's place as the file has; pydantic adds the kinds that it tried."""
    for depth, step in enumerate(place):
        inside = step in said if isinstance(said, dict) else isinstance(said, list) and isinstance(step, int)
        if not inside:
            return place[: depth + 1] if named else place[:depth]
        said = said[step]
    return place

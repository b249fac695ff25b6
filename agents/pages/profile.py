"""The page of one customer: who, how warm, why, what comes next, what they are worth, what they told us."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Final, NamedTuple

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from agents.pages import facts
from agents.pages.words import Calendar, counted, listed, printable, spoken
from core.foresight import Foreseen
from core.rules import PROFILE, TRAITS, Rule, RuleSet
from core.scores import decayed
from core.times import DAY, Micros, micros
from core.window_rules import WindowSpec
from core.windows import WindowScale
from schemas.profile import ContributionView, Profile, WindowView

_SHOWN: Final = 10
"""Contributions on the page; the profile remembers more of them."""
_REMEMBERED: Final = 20
_HARDLY: Final = 0.05
Rows = Iterable[Sequence[str]]


class Audience(NamedTuple):
    """Who reads the page: by which rules, with which windows, and in which time zone."""

    rules: RuleSet
    windows: Mapping[str, WindowScale]
    zone: tzinfo


def profile_page(profile: Profile, foreseen: Sequence[Foreseen], reader: Audience) -> Group:
    """Return the page of a customer.

    Args:
        profile: The profile, shown for the instant of the page.
        foreseen: What passing time alone will change, soonest first.
        reader: Rules that name and explain what the profile holds, and the time zone of all instants.
    """
    calendar = Calendar(reader.zone, profile.as_of)
    sections = [
        *_section("Scores", _scores(profile, reader.rules, calendar)),
        *_section("Next, if nothing happens", _next(profile, foreseen, reader.rules, calendar)),
        *_section("Why: the latest points", _why(profile, reader.rules, calendar), _unsaid(profile)),
        *_section("Segments", _segments(profile, reader.rules, calendar)),
        *_section("Counted lately", _windows(profile, reader, calendar)),
        *_section("Value", facts.value_rows(profile.value, calendar)),
        *_section("Service", facts.service_rows(profile, calendar)),
        *_section("Known", facts.known_rows(profile, calendar)),
    ]
    return Group(*_head(profile, reader.rules, calendar), *sections)


def _head(profile: Profile, rules: RuleSet, calendar: Calendar) -> Iterator[RenderableType]:
    zone = getattr(calendar.zone, "key", "UTC")
    yield Text.assemble(
        (printable(profile.customer_key), "bold"), f", {facts.kind(profile)}, on {calendar.instant(calendar.now)} ({zone})"
    )
    if profile.blocked:
        yield Text("Processing is blocked: no event counts and no time passes until it is unblocked.", "bold red")
    if profile.grade is not None and rules.grade is not None:
        letter, digit = (profile.scores.get(name) for name in (rules.grade.letter, rules.grade.digit))
        if letter and digit:
            said = f": {rules.grade.letter} is {letter.band}, {rules.grade.digit} is {digit.band}"
            yield Text.assemble((f"Grade {profile.grade}", "bold"), said)
    yield from (Text(line) for line in facts.activity_lines(profile, calendar))


def _section(title: str, rows: Rows, note: str = "") -> Iterator[RenderableType]:
    """Yield a title and a table, nothing where there are no rows; the last column takes what room is left."""
    rows = list(rows)
    if not rows:
        return
    table = Table.grid(padding=(0, 2))
    for number in range(len(rows[0])):
        last = number == len(rows[0]) - 1
        table.add_column(no_wrap=not last and max(len(row[number]) for row in rows) <= 24, overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    yield Text(f"\n{title.upper()}", "bold")
    yield Padding(table, (0, 0, 0, 2), expand=False)
    if note:
        yield Padding(Text(note, "dim"), (0, 0, 0, 2))


def _scores(profile: Profile, rules: RuleSet, calendar: Calendar) -> Rows:
    for name, score in profile.scores.items():
        bands = rules.scores[name].bands if name in rules.scores else []
        above = next((band for band in bands if band.floor > score.value and band.name != score.band), None)
        remarks = [f"{above.name} from {above.floor:g}"] if above else ["the highest band"]
        if score.next_change is not None and score.next_change.at > profile.as_of:
            remarks.append(f"falls to {score.next_change.band} on {calendar.instant(score.next_change.at)}")
        yield name, f"{score.value:7.1f}", score.band, "; ".join(remarks)


def _next(profile: Profile, foreseen: Sequence[Foreseen], rules: RuleSet, calendar: Calendar) -> Rows:
    for one in foreseen:
        when = "now" if one.at <= micros(profile.as_of) else calendar.instant(_datetime(one.at))
        for crossing in one.crossings:
            names = [band.name for band in rules.scores[crossing.score].bands]
            verb = "rises" if names.index(crossing.new_band) > _place(names, crossing.old_band) else "falls"
            yield when, f"{crossing.score} {verb} from {crossing.old_band} to {crossing.new_band}"
        for move in one.moves:
            verb = "enters" if move.change == "entered" else "leaves"
            yield when, f"{verb} {_titled(move.segment, rules)}"
        for given in one.contributions:
            yield when, f"{given.points:+g} {given.score}: {_reason(given.rule, given.points, rules)}"
    if not foreseen and not profile.blocked:
        yield ("nothing: all stays as it is until something happens",)


def _place(names: list[str], band: str) -> int:
    return names.index(band) if band in names else len(names)


def _why(profile: Profile, rules: RuleSet, calendar: Calendar) -> Rows:
    now = micros(profile.as_of)
    for one in list(reversed(profile.contributions))[:_SHOWN]:
        left = _today(one, rules, now)
        faded = "" if abs(left - one.points) < _HARDLY else f"now {left:+5.1f}"
        yield (
            calendar.instant(one.occurred_at),
            one.score,
            f"{one.points:+6.1f}",
            faded,
            _reason(one.rule, one.points, rules),
        )


def _today(one: ContributionView, rules: RuleSet, now: Micros) -> float:
    """Return what is left of the points."""
    spec = rules.scores.get(one.score)
    days = None if spec is None else spec.half_life_days
    return decayed(one.points, max(now - micros(one.occurred_at), 0), None if days is None else round(days * DAY))


def _unsaid(profile: Profile) -> str:
    remembered = len(profile.contributions)
    if remembered >= _REMEMBERED:
        return "Older points count, too; table `events` has all of them."
    return f"and {remembered - _SHOWN} more before" if remembered > _SHOWN else ""


def _reason(id_: str, points: float, rules: RuleSet) -> str:
    """Return why points were given or taken: what the rule says, and what a sign against the rule's means."""
    rule = next((rule for rule in rules.rules if rule.id == id_), None)
    if rule is None:
        return "refund: a purchase came back" if id_ == "refund" else f"{id_}: a rule that is not there any more"
    said = f"{id_}: {rule.why}" if rule.why else id_
    return f"{said} ({_against(rule)})" if points * rule.points < 0 else said


def _against(rule: Rule) -> str:
    held = not {TRAITS, PROFILE}.isdisjoint(rule.events)
    return "no longer so" if held else "the cap gave them to an earlier event"


def _segments(profile: Profile, rules: RuleSet, calendar: Calendar) -> Rows:
    for known in profile.memberships:
        spec = rules.segments.get(known.segment)
        title = "a segment that is not there any more" if spec is None else spec.title
        yield known.segment, f"since {calendar.day(known.since)}", title


def _titled(segment: str, rules: RuleSet) -> str:
    title = rules.segments[segment].title
    return f"{segment}: {title}" if title else segment


def _windows(profile: Profile, reader: Audience, calendar: Calendar) -> Rows:
    for name, window in profile.windows.items():
        spec = reader.rules.windows.get(name)
        if not window.count or spec is None:
            continue
        events = listed([spoken(event) for event in spec.events], "or")
        text = f"{_count(window, reader.windows[name])} {events} within {_span(spec)}"
        if spec.until:
            text += f", since the last {listed([spoken(event) for event in spec.until], 'or')}"
        if window.next_drop is not None:
            text += f"; one less from {calendar.instant(window.next_drop)}"
        yield name, text


def _count(window: WindowView, scale: WindowScale) -> str:
    return f"{window.count} or more" if window.count >= scale.kept else f"{window.count}"


def _span(spec: WindowSpec) -> str:
    return counted(spec.hours, "hour") if spec.hours is not None else counted(spec.days or 0, "day")


def _datetime(at: Micros) -> datetime:
    return datetime.fromtimestamp(at / 1_000_000, UTC)

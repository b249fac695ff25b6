"""One record of `warmth-command`, front to back; and the way of the records of every topic."""

from collections.abc import Iterable

from msgspec import structs

from core.adopting import adopt
from core.commands import decode
from core.identifiers import Identifiers
from core.joining import Joining
from core.journey import Journey, Profiles, Settings
from core.moment import Moment
from core.outcomes import Coordinate, Outcome, Rejected, Replayed
from core.parts import Course
from core.records import Record, Source
from core.rules import CompiledRules
from core.state import new
from schemas.reasons import ReasonCode, Stage
from schemas.registry import INPUT_TOPICS


class CommandJourney:
    """The way of every record of `warmth-command`."""

    def __init__(self, rules: CompiledRules, settings: Settings) -> None:
        self._rules = rules
        self._settings = settings
        self._ids = Identifiers(settings.identity, settings.hash_key)

    def advance(self, source: Source, record: Record, profiles: Profiles, moment: Moment) -> tuple[Outcome, Coordinate]:
        """Do what `record` asks, once, and return how it ended, with its coordinate."""
        at = Coordinate(*source, record.offset)
        try:
            command = decode(record.value)
        except (ValueError, RecursionError) as error:
            return Rejected(Stage.ADMIT, ReasonCode.INVALID_FIELD, f"command: {str(error)[:200]}"), at
        key, stem = command.key, f"{at.topic}:{at.incarnation}:{at.partition}"
        if self._settings.partition_of(key.encode()) != source.partition:
            return Rejected(Stage.RESOLVE, ReasonCode.WRONG_PARTITION, "key: lives in another partition"), at
        state = profiles.get(key)
        if state is None:
            state = new(self._rules.judgement)
        if record.offset <= state.applied.get(stem, -1):
            return Replayed(), at
        behind = not state.is_left_alone and state.judged_by != self._rules.judgement
        adopted = adopt(key, state, self._rules, moment) if behind else None
        state.applied[stem] = record.offset
        course = Course(self._rules, self._settings.lateness, moment.passed)
        applied = Joining(self._ids, course, moment, at).apply(command, state)
        profiles.put(key, state)
        return (applied if adopted is None else structs.replace(applied, adopted=adopted)), at


def journeys(topics: Iterable[str], rules: CompiledRules, settings: Settings) -> dict[str, Journey | CommandJourney]:
    """Return the way of the records of each topic: of events, or of commands."""
    return {
        topic: Journey(topic, rules, settings) if topic in INPUT_TOPICS else CommandJourney(rules, settings)
        for topic in topics
    }

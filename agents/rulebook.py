"""What customers are judged by now: the newest published rules, or else the folder's, and the newest parameters."""

import logging
from typing import Final, NamedTuple

from aiokafka.errors import KafkaError

from agents.parameters import ParametersError, decode_parameters
from core.journey import Settings
from core.rules import CompiledRules, compile_rules
from core.times import SECOND
from core.value import ValueModel
from streams import metrics
from streams.kafka.compacted import Entry, read_all
from streams.kafka.partitions import partitioner
from streams.kafka.topics import PARAMETERS, RULES
from streams.rules_files import RulesError
from streams.rules_published import RulesVersion, decode_version, read_version
from streams.settings import StreamSettings
from streams.traffic_files import traffic_of

log = logging.getLogger("warmth.rules")
FOLLOWED: Final = (RULES, PARAMETERS)


class Judgement(NamedTuple):
    """Rules with parameters, compiled, and what else the journey needs to know."""

    rules: CompiledRules
    journey: Settings


class Rulebook:
    """Takes up what is published. What can not be used is refused whole: what held before stays.

    Args:
        settings: The folder whose rules hold until some are published, and the time zone.

    Raises:
        RulesError: The folder's rules can not be used.
    """

    def __init__(self, settings: StreamSettings) -> None:
        self._settings = settings
        self.version = read_version(settings.rules_dir)
        self.is_published = False
        self._model: ValueModel | None = None
        self.present = self._compiled()

    def take(self, entry: Entry) -> bool:
        """Take up what a record says; return whether that makes a difference."""
        try:
            if not (self._take_rules(entry.value) if entry.topic == RULES else self._take_parameters(entry)):
                return False
            self.present = self._compiled()
        except (RulesError, ParametersError) as error:
            metrics.RULES_REFUSED.inc()
            log.warning("%s; what held before stays", error)
            return False
        return True

    def _take_rules(self, value: bytes) -> bool:
        version = decode_version(value)
        if self.is_published and version.version <= self.version.version:
            log.warning("version %d of the rules is left out: %d holds", version.version, self.version.version)
            return False
        self.version, self.is_published = version, True
        return True

    def _take_parameters(self, entry: Entry) -> bool:
        self._model = decode_parameters(entry.value, entry.topic)
        return True

    def _compiled(self) -> Judgement:
        rules, journey = compiled(self.version, self._settings, self._model)
        return Judgement(rules, journey._replace(guarded=True))


def compiled(version: RulesVersion, settings: StreamSettings, model: ValueModel | None = None) -> Judgement:
    """Return `version` ready to run."""
    journey = Settings(
        settings.event_max_bytes,
        settings.hash_key.get_secret_value().encode(),
        version.plan,
        partitioner(settings.partitions),
        settings.lateness_secs * SECOND,
        traffic_of(version.internal),
        version.identity,
    )
    return Judgement(compile_rules(version.rules, settings.zone, model), journey)


async def read_rulebook(settings: StreamSettings) -> Rulebook:
    """Return what holds now; without Kafka, what the folder says."""
    book = Rulebook(settings)
    try:
        for entry in await read_all(settings.kafka_bootstrap, FOLLOWED):
            book.take(entry)
    except KafkaError:
        log.warning("Kafka does not answer: what was published is left out, the rules of %s are used", settings.rules_dir)
    return book

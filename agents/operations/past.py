"""By which rules the past was judged: every published version, and before the first one the folder's."""

from functools import cache
from typing import NamedTuple

from agents.rulebook import Judgement, compiled, read_rulebook
from core.command_journey import CommandJourney, journeys
from core.journey import Journey
from core.rules import CompiledRules
from core.state import State
from streams.kafka.topics import RULES, SCORED
from streams.profiles import Partition
from streams.rules_files import RulesError
from streams.rules_published import RulesVersion, published_versions, read_version
from streams.settings import StreamSettings


class Adopted(NamedTuple):
    """Profiles that are judged by some rules, whatever they were judged by before: what newer ones changed is told apart."""

    held: Partition
    judgement: str

    def get(self, key: str) -> State | None:
        """Return the profile of `key`."""
        profile = self.held.get(key)
        if profile is not None:
            profile.judged_by = self.judgement
        return profile

    def put(self, key: str, state: State) -> None:
        """Keep a changed profile."""
        self.held.put(key, state)


class Judged(NamedTuple):
    """One version of the rules, and the way of every record under them."""

    rules: CompiledRules
    journeys: list[Journey | CommandJourney]

    def over(self, held: Partition) -> Adopted:
        """Return the profiles of `held` as judged by these rules."""
        return Adopted(held, self.rules.judgement)


class Past:
    """The rules of each version, with the present parameters.

    Args:
        settings: Settings of this installation.
        versions: Every version that was published.
        present: What holds now.
    """

    def __init__(self, settings: StreamSettings, versions: list[RulesVersion], present: Judgement) -> None:
        self._settings = settings
        self._versions = {version.version: version for version in versions}
        self.present = present
        self.at = cache(self._at)

    def _at(self, version: int) -> Judged:
        """Return the rules of `version`; 0 stands for those of the folder, which may have a number, too.

        Raises:
            RulesError: They are nowhere.
        """
        said = self._versions.get(version) or read_version(self._settings.rules_dir)
        if version not in (0, said.version):
            raise RulesError(
                f"version {version} of the rules judged events, and is neither in {RULES} nor in "
                f"{self._settings.rules_dir}; set WARMTH_RULES_DIR to a folder that says what it said"
            )
        rules, journey = compiled(said, self._settings, self.present.rules.value_model)
        return Judged(rules, list(journeys(SCORED, rules, journey).values()))


async def read_past(settings: StreamSettings) -> Past:
    """Return all rules that were published, and what holds now."""
    book = await read_rulebook(settings)
    return Past(settings, await published_versions(settings.kafka_bootstrap), book.present)

"""What profiles are shown by: the rules that hold now, as they are said and compiled, and the reader's time zone."""

import asyncio
from datetime import tzinfo
from typing import Final, NamedTuple

from rich.console import Group

from agents.pages.profile import Audience, profile_page
from agents.rulebook import read_rulebook
from core.foresight import foresee
from core.rules import CompiledRules, RuleSet
from core.state import State
from core.times import Micros
from core.view import view
from schemas.profile import Profile
from streams.settings import StreamSettings

_FORESEEN: Final = 5


class Showing(NamedTuple):
    """All that it takes to show profiles."""

    said: RuleSet
    rules: CompiledRules
    zone: tzinfo

    def profile(self, key: str, state: State, now: Micros) -> Profile:
        """Return the profile as the public contract has it."""
        return view(key, state, self.rules, now)

    def page(self, key: str, state: State, now: Micros) -> Group:
        """Return the profile as a page for the terminal."""
        foreseen = foresee(state, self.rules, _FORESEEN)
        return profile_page(self.profile(key, state, now), foreseen, Audience(self.said, self.rules.windows, self.zone))


def showing(settings: StreamSettings) -> Showing:
    """Return what to show profiles by: what is published, or else the folder of the settings.

    Raises:
        RulesError: The rules can not be used.
    """
    book = asyncio.run(read_rulebook(settings))
    return Showing(book.version.rules, book.present.rules, settings.zone)

"""Which model validates which event: (topic, type, version) to contract."""

import builtins
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from pydantic import TypeAdapter

from schemas import consent, customer, purchase, site_interaction, support_ticket
from schemas.envelope import Envelope

INPUT_TOPICS: Final = ("site-interaction", "purchase", "support-ticket", "customer", "consent")


class Entry(NamedTuple):
    """One version of one event type."""

    topic: str
    type: str
    version: int
    models: "tuple[builtins.type[Envelope], ...]"
    adapter: TypeAdapter[Any]

    @property
    def default_source(self) -> str:
        """Source of an event that names none."""
        return self.models[0].default_source


def _entry(model: type[Envelope]) -> Entry:
    (name,) = model.model_fields["type"].annotation.__args__  # type: ignore[union-attr]  # a one-valued Literal
    return Entry(model.topic, name, model.contract_version, (model,), TypeAdapter(model))


def _entries(models: Iterable[type[Envelope]]) -> dict[tuple[str, int], Entry]:
    return {(entry.type, entry.version): entry for entry in map(_entry, models)}


_SURVEY = Entry("support-ticket", "survey_answered", 1, support_ticket.SURVEYS, TypeAdapter(support_ticket.SurveyAnswered))

REGISTRY: Final[dict[tuple[str, int], Entry]] = {
    **_entries(site_interaction.EVENTS),
    **_entries(purchase.EVENTS),
    **_entries(support_ticket.EVENTS),
    (_SURVEY.type, _SURVEY.version): _SURVEY,
    **_entries(customer.EVENTS),
    **_entries(consent.EVENTS),
}
"""Every event type and version that producers may send."""

TYPES: Final = frozenset(type_ for type_, _ in REGISTRY)

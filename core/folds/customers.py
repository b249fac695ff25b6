"""Facts from topic `customer`: traits and links."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from core.state import State, Trait, later_trait
from core.times import Micros
from schemas.customer import Customer, CustomerIdentified, IdentityLinked, Traits, TraitsChanged


def _kept_traits() -> Iterator[str]:
    for name, info in Traits.model_fields.items():
        extra = info.json_schema_extra
        if isinstance(extra, dict) and extra["x-personal-data"] != "identifying":
            yield name


KEPT_TRAITS: Final = tuple(_kept_traits())
"""Traits that a profile may hold: plain fields and attributes, nothing that names a person."""


def traits_changed(state: State, event: CustomerIdentified | TraitsChanged, at: Micros) -> None:
    """Keep the latest value of each trait that was sent."""
    if event.traits is None:
        return
    source = event.source or Customer.default_source
    for name in KEPT_TRAITS:
        value: Any = getattr(event.traits, name)
        if value is not None:
            plain = str(value) if isinstance(value, Decimal) else value
            state.traits[name] = later_trait(state.traits.get(name), Trait(plain, at, source))


def identity_linked(state: State, event: IdentityLinked, at: Micros) -> None:
    """Note the earliest link of each kind; the identifier itself stays out of the profile."""
    linked_at = state.links.get(event.id_type)
    state.links[event.id_type] = at if linked_at is None or at < linked_at else linked_at


FOLDS: Final[dict[str, Any]] = {
    "customer_identified": traits_changed,
    "traits_changed": traits_changed,
    "identity_linked": identity_linked,
}

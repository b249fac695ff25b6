"""What rules can read of an event: plain fields by path, and which values they can have."""

import pytest

from core.rules import TRAITS
from schemas.paths import Readable, event_paths, trait_paths
from schemas.registry import TYPES

INF = float("inf")


def test_a_field_says_its_kind_its_values_and_its_bounds() -> None:
    (ticket,), (ping,), (rated,) = (event_paths(name) for name in ("ticket_rated", "page_pinged", "content_rated"))
    assert ticket["scale"] == Readable("text", True, ("freshdesk", "stars5", "thumbs"), -INF, INF)
    assert ping["active_secs"] == Readable("number", True, None, 0, 1_000_000_000)
    assert rated["rating"] == Readable("number", True, None, 1, 5)
    assert ping["page.title"] == Readable("text", False, None, -INF, INF)
    assert ping["page.path"].required
    assert ping["context.consent.marketing"] == Readable("flag", False, None, -INF, INF)


def test_money_is_a_number_and_lists_are_nested() -> None:
    (receipt,) = event_paths("receipt_issued")
    assert (receipt["total"].kind, receipt["lines"].kind) == ("number", "nested")


def test_each_variant_of_a_survey_has_its_own_fields() -> None:
    assert [tuple(paths["survey"].values or ()) for paths in event_paths("survey_answered")] == [
        ("nps",), ("leaving",), ("staying",),
    ]  # fmt: skip
    assert ["score" in paths for paths in event_paths("survey_answered")] == [True, False, False]


@pytest.mark.parametrize("event", [*sorted(TYPES), TRAITS])
def test_nobody_is_identified_by_what_rules_read(event: str) -> None:
    variants = (trait_paths(),) if event == TRAITS else event_paths(event)
    read = {path.rpartition(".")[2] for paths in variants for path in paths} - {"name"}
    assert read.isdisjoint({"ip", "email", "phone", "birth_date", "text", "comment", "id_value", "customer_id", "event_id"})
    assert variants

"""Whatever is posted under the names of a wire format, in whatever shape: no mapping breaks, each gets a verdict."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given, strategies as st

from collector.bodies import Limits
from collector.intake import Intake
from collector.sources.freshdesk import map_ticket
from collector.sources.segment import CALLS, Received, map_message
from collector.sources.snowplow import map_payload
from collector.sources.till import map_event, map_receipt
from core.gate import Gate, Leaving, Refused
from core.identifiers import Identifiers, IdentitySpec
from schemas.reasons import ReasonCode
from schemas.registry import REGISTRY

AT = "2026-11-22T10:00:00.000Z"
NOW = 1_795_341_600_000_000
INTAKE = Intake(Gate(Identifiers(IdentitySpec(), b"secret"), {}, 1_000_000), Limits(10_000, 10_000, 5_000, 8))
RECEIVED = Received(AT)
MAPPERS: dict[str, tuple[Callable[[Any, str], Any], str]] = {
    "segment": (
        lambda raw, name: map_message(raw, name, RECEIVED),
        "type userId anonymousId messageId timestamp sentAt event properties traits context name category previousId"
        " groupId",
    ),
    "snowplow": (
        lambda raw, name: map_payload(raw, name, RECEIVED),
        "e eid url page refr uid duid dtm stm ttm ue_pr ue_px se_ca se_ac se_la se_pr se_va ip ua p lang tz",
    ),
    "freshdesk": (
        lambda raw, name: map_ticket(raw, name, AT),
        "freshdesk_webhook ticket_id status ticket_status triggered_event rating ratings reply priority source"
        " requester_email ticket_updated_at",
    ),
    "receipt": (
        lambda raw, name: map_receipt(raw, name, AT),
        "type store_id till_id number receipt refund_id total currency lines card phone occurred_at identifiers customer_id",
    ),
    "event": (
        lambda raw, name: map_event(raw, name, AT),
        "type event_id occurred_at customer_id anonymous_id identifiers page product traits survey reason score lines total"
        " currency schema_version context ticket_id rating scale properties name",
    ),
}
WORDS = st.sampled_from(
    [
        *CALLS, *(entry.type for entry in REGISTRY.values()), "pv", "pp", "se", "ue", "Order Completed", "Product Viewed",
        "open", "5", "-1e400", "1e9999", "NaN", "http://[", "%", "2026-11-22T10:00:00Z", "2026-13-45",
        "{status:{from:2,to:4}}", "{", "eyJkYXRhIjogNX0", "::1",
    ]
)  # fmt: skip
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20) | WORDS


def objects(names: str) -> st.SearchStrategy[dict[str, Any]]:
    inner = "url path title product_id id price quantity products order_id total email city company source medium data"
    keys = st.sampled_from(f"{names} {inner}".split())
    values = st.recursive(
        LEAVES, lambda part: st.lists(part, max_size=3) | st.dictionaries(keys, part, max_size=5), max_leaves=12
    )
    return st.dictionaries(st.sampled_from(names.split()), values, max_size=10)


@pytest.mark.parametrize("source", MAPPERS)
def test_no_shape_breaks_a_mapping_and_every_message_has_a_verdict(source: str) -> None:
    mapper, names = MAPPERS[source]

    @given(objects(names))
    def holds(message: dict[str, Any]) -> None:
        (taken,) = INTAKE.take([message], NOW, mapper)
        assert taken.verdict.reason in {"", *ReasonCode}
        assert isinstance(taken.leaving, Refused) == bool(taken.verdict.reason)
        if isinstance(taken.leaving, Leaving):
            assert orjson.dumps(taken.leaving.document)
            assert taken.leaving.owner

    holds()

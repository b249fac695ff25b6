"""What joins nobody, and what ends where others would go round in circles."""

import pytest

from core.commands import Cause, Command, encode
from core.outcomes import Applied
from streams.kafka.topics import COMMANDS
from tests import factories as make
from tests.factories import Event
from tests.unit.network import Network, partition_of
from tests.unit.pipeline import T0, at
from tests.unit.test_joining import RULES, USUAL, facts

TABLET = {"id_type": "device", "id_value": "tablet-0042"}
MAIL = {"id_type": "email", "id_value": "anna@shop.example"}
HOUR = 3_600_000_000


def sent(*events: Event, seed: int = 0) -> Network:
    """Return a network that got these events, each when all before were done with."""
    network = Network(RULES, USUAL, seed)
    for event in events:
        network.send(event).settle()
    return network


def links(network: Network) -> dict[str, str]:
    """Return where each name leads by the latest word that analysts get of it."""
    applied = [outcome for outcome in network.outcomes if isinstance(outcome, Applied)]
    words = [(outcome.row["seq"], link.alias, outcome.key) for outcome in applied for link in outcome.links]
    return {alias: key for _, alias, key in sorted(words)}


@pytest.mark.parametrize("seed", range(20))
def test_a_circle_within_a_partition_ends(seed: int) -> None:
    one, other = [name for name in map("c-{}".format, range(40)) if partition_of(name.encode()) == 0][:2]
    network = Network(RULES, USUAL, seed)
    network.send(make.a_page_viewed(customer_id=one), make.a_page_viewed(customer_id=other)).settle()
    network.send(make.a_customers_merged(customer_id=one, merged_id=other, **at(0)))
    network.send(make.a_customers_merged(customer_id=other, merged_id=one, **at(1)))
    network.send(*[make.a_page_viewed(customer_id=one, **at(number)) for number in range(10)]).settle()
    (state,) = network.roots.values()
    assert state.page_views == 12


def test_a_device_joins_no_two_customers_whoever_had_it_first() -> None:
    had = make.a_page_viewed(customer_id=None, anonymous_id="1", identifiers=[TABLET])
    login = make.a_customer_identified(customer_id="c-1", anonymous_id="1")
    other = make.a_page_viewed(customer_id="c-2", identifiers=[TABLET])
    assert sent(had, login, other).roots.keys() == {"c-1", "c-2"}


def test_guests_do_not_use_up_how_many_customers_an_id_may_have() -> None:
    guests = [
        make.a_receipt(
            "10", customer_id=None, anonymous_id=f"{n}", identifiers=[MAIL], receipt=make.a_receipt_number(number=f"{n}")
        )
        for n in range(6)
    ]
    receipt = make.a_receipt("10", customer_id="c-1", identifiers=[MAIL], receipt=make.a_receipt_number(number="9"))
    network = sent(*guests, receipt)
    assert {key: state.orders for key, state in network.roots.items()} == {"c-1": 7}


def test_ids_never_join_those_who_were_parted_by_way_of_others() -> None:
    network = sent(
        make.a_customers_merged(customer_id="c-1", merged_id="c-2", **at(HOUR)),
        make.a_customers_unmerged(customer_id="c-1", merged_id="c-2", **at(2 * HOUR)),
        make.a_page_viewed(customer_id=None, anonymous_id="9", identifiers=[MAIL], **at(3 * HOUR)),
        make.a_customer_identified(customer_id="c-1", anonymous_id="9", **at(4 * HOUR)),
        make.a_page_viewed(customer_id="c-2", identifiers=[MAIL], **at(5 * HOUR)),
    )
    assert network.roots.keys() == {"c-1", "c-2"}


def test_a_word_for_somebody_who_has_left_meanwhile_follows_them() -> None:
    network = sent(
        make.a_page_viewed(customer_id=None, anonymous_id="9"),
        make.a_customers_merged(customer_id="c-1", merged_id="c-2", **at(HOUR)),
        make.a_customers_unmerged(customer_id="c-1", merged_id="c-2", **at(2 * HOUR)),
    )
    late = Command("meet", "c-1", "a:9", Cause("e", "customer_identified", T0, "c-2", "a:9"), "anonymous", via="c-2")
    network.append(COMMANDS, b"c-1", encode(late))
    assert network.settle().root_of("a:9") == "c-2"


def test_who_went_into_nobody_is_led_nowhere() -> None:
    network = sent(make.a_page_viewed(customer_id="c-1"))
    network.append(
        COMMANDS, b"c-1", encode(Command("lead", "c-1", "c-2", Cause("e", "customers_unmerged", T0, "c-2", "c-3")))
    )
    assert network.settle().roots.keys() == {"c-1"}


def test_a_browser_of_two_leads_analysts_to_the_first_one() -> None:
    logins = [make.a_customer_identified(customer_id=name, anonymous_id="1") for name in ("c-1", "c-2")]
    network = sent(*logins, make.a_customers_merged(customer_id="c-3", merged_id="c-2"))
    assert links(network) == {"a:1": "c-1", "c-2": "c-3"}


def test_a_card_stays_with_whom_it_was_when_two_are_parted() -> None:
    receipts = [
        make.a_receipt(customer_id=name, identifiers=[MAIL], receipt=make.a_receipt_number(number=name))
        for name in ("c-1", "c-2")
    ]
    network = sent(*receipts, make.a_customers_unmerged(customer_id="c-1", merged_id="c-2"))
    leads = links(network)
    assert {leads.pop("c-2"), *leads.values()} == {"c-2", "c-1"}
    assert all(network.root_of(name) == key for name, key in links(network).items())


def test_a_receipt_of_nothing_gives_its_points_once() -> None:
    number = make.a_receipt_number(number="7")
    receipts = [make.a_receipt("0", customer_id=name, receipt=number) for name in ("c-1", "c-2")]
    joined = sent(*receipts, make.a_customers_merged(customer_id="c-1", merged_id="c-2"))
    assert facts(joined.roots["c-1"])["scores"] == facts(sent(receipts[0]).roots["c-1"])["scores"]

"""`warmth segments` over a running stack: sizes and overlaps are those of the profiles; and a page for people."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from agents.cli import app
from agents.pages.segments import read_segments
from sinks.queries import arguments, read_queries
from sinks.reading import Reader
from sinks.settings import SinkSettings
from streams.rules_files import read_rule_set
from streams.settings import RULES_DIR
from tests.factories import a_product_added, a_product_viewed, a_receipt
from tests.support.stack import Stack

ASKED = {"members_on": {"segment": "regulars"}, "score_history": {"customer": "looker"}}
"""What queries must be told."""


def an_hour_ago(event: dict, **changes: Any) -> dict:
    sent = {name: value for name, value in event.items() if name not in ("sent_at", "received_at", "anonymous_id")}
    return {**sent, "occurred_at": (datetime.now(UTC) - timedelta(hours=1)).isoformat(), **changes}


def events() -> tuple[list[dict], list[dict]]:
    """Three customers who bought often, two of whom look at products, and one who only looks."""
    names = [("regular", number, round_) for number in range(3) for round_ in range(6)]
    purchases = [
        an_hour_ago(
            a_receipt("10.00"),
            event_id=f"{name}-{number}-{round_}",
            customer_id=f"{name}-{number}",
            receipt={"store_id": "s", "till_id": str(number), "number": str(round_)},
        )
        for name, number, round_ in names
    ]
    lookers = ["looker", "regular-0", "regular-1"]
    looks = [
        an_hour_ago(a_product_viewed(), event_id=f"view-{name}-{n}", customer_id=name) for name in lookers for n in range(3)
    ]
    return purchases, [*looks, an_hour_ago(a_product_added(), event_id="cart", customer_id="looker")]


def run(stack: Stack, *arguments: str) -> Result:
    """Run a command in this process: starting another takes a second."""
    return CliRunner().invoke(app, [*arguments, "--data", str(stack.folder)])


def send(stack: Stack, folder: Path) -> None:
    for topic, lines in zip(("purchase", "site-interaction"), events(), strict=True):
        file = folder / f"{topic}.jsonl"
        file.write_text("\n".join(map(json.dumps, lines)))
        stack.run("send", topic, str(file))
    stack.wait_until_read()


@pytest.mark.embedded
@pytest.mark.parametrize("broker", ["embedded"])
def test_segments_profiles_and_queries_of_a_running_stack(stack: Stack, tmp_path: Path) -> None:
    send(stack, tmp_path)
    listed = {one["segment"]: one for one in json.loads(run(stack, "segments", "list", "--json").stdout)}
    numbers = {name: (one["members"], one["entered"], one["left"]) for name, one in listed.items() if one["members"]}
    assert numbers == {"engaged": (3, 3, 0), "regulars": (3, 3, 0), "browsers": (1, 1, 0)}
    assert listed["regulars"]["used_by"] == ["reachable_regulars"]
    table = run(stack, "segments", "list").stdout
    assert "bought at least four times, and lately; used by" in " ".join(table.split())
    assert max(map(len, table.splitlines())) <= 80

    overlap = json.loads(run(stack, "segments", "overlap", "regulars", "browsers", "engaged", "--json").stdout)
    assert overlap["segments"] == {"regulars": 3, "browsers": 1, "engaged": 3}
    assert [(pair["segments"], pair["members"], pair["share_of_smaller"]) for pair in overlap["pairs"]] == [
        (["regulars", "browsers"], 0, 0.0), (["regulars", "engaged"], 3, 1.0), (["browsers", "engaged"], 0, 0.0),
    ]  # fmt: skip
    said = run(stack, "segments", "overlap", "engaged", "regulars").stdout
    assert said.endswith("engaged and regulars: 3 customers, 100% of the smaller one\n")

    used = run(stack, "segments", "check", "regulars")
    assert used.exit_code == 1
    assert used.stdout == (
        "regulars is used by reachable_regulars: change these first; 3 customers would be said to leave it\n"
    )
    free = run(stack, "segments", "check", "engaged", "--json")
    assert json.loads(free.stdout) == {
        "segment": "engaged", "deletable": True, "would_leave": 3, "used_by": [],
    }  # fmt: skip
    assert "did you mean 'regulars'?" in " ".join(run(stack, "segments", "check", "regular").stderr.split())

    assert_page(stack)
    assert_queries(stack)


def assert_page(stack: Stack) -> None:
    page = run(stack, "profile", "looker").stdout
    assert page.startswith("looker, a customer, on ")
    assert max(map(len, page.splitlines())) <= 80
    for words in ("SCORES", "enters abandoned_carts", "filled_cart: is about to buy", "COUNTED LATELY", "open_carts"):
        assert words in page
    document = json.loads(run(stack, "profile", "looker", "--json").stdout)
    assert document["windows"]["open_carts"]["count"] == 1
    assert [one["segment"] for one in document["memberships"]] == document["segments"] == ["browsers"]
    assert document["next_change"]["at"] > document["as_of"]
    assert "nobody is known by 'nobody'" in str(run(stack, "profile", "nobody").exception)


def assert_queries(stack: Stack) -> None:
    """Every query of the library runs; a segment that the rules do not know any more is named as such."""
    with Reader(SinkSettings(clickhouse_url=stack.clickhouse)) as reader:
        for query in read_queries().values():
            reader.ask(query.select, arguments(query, ASKED.get(query.name, {}), datetime.now(UTC).date()))
        rules = read_rule_set(RULES_DIR)
        fewer = rules.model_copy(update={"segments": {"regulars": rules.segments["regulars"]}})
        listed = read_segments(reader, fewer, {"regulars": ()})
        assert [(one.segment, one.title is None, one.size.members) for one in listed] == [
            ("regulars", False, 3), ("browsers", True, 1), ("engaged", True, 3),
        ]  # fmt: skip

"""The demo's value model and report over a small stack: fitted, published, taken up, and shown."""

import asyncio
import io
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import orjson
import pytest
from rich.console import Console

from agents.cli.addresses import settings_of
from agents.demo.joining import Scene, join_names
from agents.demo.journey import Measured
from agents.demo.report import print_report
from agents.demo.site import Site, make_key
from agents.demo.valuing import value_customers
from agents.settings import AllSettings
from deploy.demo.simulator import simulate
from deploy.embedded.supervisor import StackError
from tests.integration.test_value import receipts, written
from tests.support.clients import query
from tests.support.stack import Stack

PATIENCE = timedelta(seconds=15)
"""A client that waits longer for an answer sends again."""


@pytest.mark.embedded
@pytest.mark.parametrize("broker", ["embedded"])
def test_the_report_tells_what_customers_are_worth(stack: Stack, tmp_path: Path) -> None:
    events = [{**event, "currency": "USD"} for event in receipts(120, datetime.now(UTC))]
    stack.run("send", "purchase", written(tmp_path / "receipts.jsonl", [json.dumps(event) for event in events]))
    stack.wait_until_read()
    settings = settings_of(stack.folder)
    fitted = asyncio.run(value_customers(settings))
    assert fitted is not None
    judged = query(stack.clickhouse, "SELECT DISTINCT JSONExtractString(state, 'judged_by') FROM profiles_now")
    assert len(judged) == 1, "some profiles are not judged by the parameters yet"
    measured = Measured(sent=len(events), receipts=len(events), seconds=1.0, events=len(events))
    measured.value_model = fitted.model_dump(mode="json")
    scenes = asyncio.run(join_names(settings, stack.folder))
    visit, login, receipt, linked = ([key for key, _ in scene.profiles] for scene in scenes)
    assert (visit, login, linked) == (["a:demo-visitor"], ["demo-anna"], ["demo-anna"])
    assert receipt[0].startswith("card:") and receipt[1:] == ["demo-anna"]
    before, after = scenes[0].profiles[0][1], scenes[-1].profiles[0][1]
    assert before.scores["engagement"].value > 0
    assert after.scores["engagement"].value > before.scores["engagement"].value
    assert after.orders == 1
    page = reported(settings, measured, stack.folder, scenes)
    assert "One person, one profile" in page
    assert page.count("demo-anna") >= 3
    for words in ("Customers by band", "Value model, fitted to", "RFM groups", "Buyers by churn risk", "WHY: THE LATEST"):
        assert words in page
    assert "┃ lifetime value, USD" in page
    assert "used by reachable_regulars" in " ".join(page.split())
    measured.value_model = None
    assert "no value model" in reported(settings, measured, stack.folder, [])


@pytest.mark.embedded
def test_the_site_is_told_of_by_a_real_client_and_stored_as_it_was_simulated(tmp_path: Path) -> None:
    key = make_key(tmp_path)
    stack = Stack(tmp_path / "stack", environment=key.settings)
    try:
        site, simulated = Site(stack.collector, key.secret), {}
        for event in simulate(7, list(range(300)), 3_000, time.time()):
            if event.topic == "site-interaction":
                site.tell(event.value)
                said = orjson.loads(event.value)
                at = datetime.fromisoformat(said["occurred_at"]).replace(tzinfo=None)
                simulated[said["event_id"]] = (said["type"], said["customer_id"], at)
        site.flush()
        site.close()
        stack.wait_until_read()
        rows = query(
            stack.clickhouse,
            "SELECT event_id, type, customer_key, occurred_at, source FROM events WHERE _topic = 'site-interaction'",
        )
        assert {row[0]: row[1:3] for row in rows} == {id_: said[:2] for id_, said in simulated.items()}
        on_the_way = [row[3] - simulated[row[0]][2] for row in rows]
        assert timedelta(0) <= min(on_the_way) <= max(on_the_way) <= PATIENCE, "the clock is corrected by that"
        assert {row[4] for row in rows} == {"simulator"}
        assert len({kind for kind, _, _ in simulated.values()}) == 12
        customer = rows[0][2]
        found = httpx.get(f"{stack.collector}/v1/profiles/{customer}", auth=(key.secret, ""))
        assert found.json()["customer_key"] == customer
        nobody = Site(stack.collector, "another")
        nobody.tell(orjson.dumps(said))
        with pytest.raises(StackError, match="unknown"):
            nobody.flush()
        nobody.close()
    finally:
        assert stack.stop() == 0


def reported(settings: AllSettings, measured: Measured, folder: Path, scenes: list[Scene]) -> str:
    out = io.StringIO()
    print_report(Console(file=out, width=80), settings, measured, folder, scenes, keep=False)
    return out.getvalue()

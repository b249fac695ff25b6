"""From purchases to what a customer is worth: fitted from ClickHouse, published, shown; and the same over files."""

import json
import random
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.factories import a_receipt
from tests.integration.conftest import BROKERS
from tests.integration.test_command_line import assert_one_clear_line, warmth
from tests.support.clients import query
from tests.support.stack import Stack

CDNOW = Path(__file__).parents[1] / "data" / "cdnow.csv"


def receipts(customers: int, today: datetime) -> list[dict]:
    """Receipts of customers who come and go, none of them later than today's midnight."""
    dice, made = random.Random(4), []
    for who in range(customers):
        day, rate, spent = dice.uniform(60, 200), dice.gammavariate(2, 0.02), dice.paretovariate(3)
        while day > 0:
            at = (today - timedelta(days=day)).isoformat().replace("+00:00", "Z")
            total = f"{spent * dice.gammavariate(6, 5) + 1:.2f}"
            receipt = {"store_id": "s", "till_id": "t", "number": str(len(made))}
            made.append(a_receipt(total, event_id=f"e{len(made)}", customer_id=f"c-{who}", occurred_at=at, receipt=receipt))
            day = -1.0 if dice.random() < 0.1 else day - dice.expovariate(rate)
    return [{name: value for name, value in event.items() if name not in ("sent_at", "received_at")} for event in made]


def written(path: Path, lines: list[str]) -> str:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("broker", BROKERS)
def test_purchases_are_fitted_from_clickhouse_and_published(stack: Stack, tmp_path: Path) -> None:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    events = receipts(300, today)
    stack.run("send", "purchase", written(tmp_path / "receipts.jsonl", [json.dumps(event) for event in events]))
    stack.wait_until_read()
    before = json.loads(stack.run("profile", "c-1", "--json").stdout)["value"]
    assert (before["rfm"], before["p_alive"]) == (None, None)
    fitted = json.loads(stack.run("fit", "--json", "--publish", "--until", today.date().isoformat()).stdout)
    assert (fitted["customers"], fitted["gamma_gamma"]["currency"]) == (300, "RUB")
    rows = [f"{event['customer_id']},{event['occurred_at']},{event['total']}" for event in events]
    file = written(tmp_path / "receipts.csv", ["customer_id,occurred_at,amount", *rows])
    same = json.loads(
        warmth("fit", "--transactions", file, "--until", today.date().isoformat(), "--currency", "RUB", "--json").stdout
    )
    assert same["transactions"] == fitted["transactions"]
    assert same["rfm"] == fitted["rfm"]
    assert same["bgnbd"] == pytest.approx(fitted["bgnbd"], rel=1e-3)
    assert_shown(stack)
    assert_scorer_follows(stack, tmp_path / "again.jsonl")


def assert_shown(stack: Stack) -> None:
    value = json.loads(stack.run("profile", "c-1", "--json").stdout)["value"]
    assert 0 <= value["p_alive"] <= 1
    assert value["expected_purchases"] >= 0
    assert float(value["lifetime_value"]["RUB"]) >= 0
    assert value["rfm"]["previous_cell"] != value["rfm"]["cell"]
    assert value["lifecycle"] in ("first_time", "active", "defecting", "inactive")


def assert_scorer_follows(stack: Stack, file: Path) -> None:
    """Some moments after parameters were published, a purchase makes the scorer remember its customer's cell."""
    cell, number, deadline = "", 0, time.monotonic() + 60
    while not cell:
        assert time.monotonic() < deadline, "the scorer does not see the parameters"
        number += 1
        receipt = {"store_id": "s", "till_id": "again", "number": str(number)}
        now = datetime.now(UTC).isoformat()
        again = a_receipt("500", event_id=f"again{number}", customer_id="c-1", receipt=receipt, occurred_at=now)
        stack.run("send", "purchase", written(file, [json.dumps(again)]))
        stack.wait_until_read()
        cell = query(
            stack.clickhouse, "SELECT JSONExtractString(state, 'rfm_now') FROM profiles_now WHERE customer_key = 'c-1'"
        )[0][0]
    rfm = json.loads(stack.run("profile", "c-1", "--json").stdout)["value"]["rfm"]
    assert rfm["cell"] == cell


@pytest.mark.embedded
def test_parameters_of_a_file_value_the_customers_of_a_file(tmp_path: Path) -> None:
    done = warmth("fit", "--transactions", str(CDNOW), "--until", "1997-09-30", "--currency", "RUB", "--json")
    parameters = written(tmp_path / "parameters.json", [done.stdout])
    receipt = a_receipt("20.00", event_id="e", customer_id="c", occurred_at="2026-11-01T12:00:00Z")
    line = json.dumps({"topic": "purchase", "event": {**receipt, "received_at": "2026-11-01T12:00:00Z"}})
    events = written(tmp_path / "events.jsonl", [line])
    scored = warmth("score", events, "--parameters", parameters, "--as-of", "2026-11-02T12:00:00Z", "--json")
    value = json.loads(scored.stdout.splitlines()[-1])["profile"]["value"]
    assert (value["p_alive"], value["lifecycle"], value["rfm"]["cell"]) == (1.0, "first_time", "512")
    mean = json.loads(done.stdout)["gamma_gamma"]
    expected = value["expected_purchases"] * mean["p"] * mean["v"] / (mean["q"] - 1)
    assert float(value["lifetime_value"]["RUB"]) == pytest.approx(expected, abs=0.01)


@pytest.mark.embedded
def test_weeks_are_printed_for_people() -> None:
    done = warmth("fit", "--transactions", str(CDNOW), "--until", "1997-09-30", "--unit", "weeks")
    assert "r 0.2426   alpha 4.4136 weeks   a 0.7929   b 2.4259" in done.stdout
    assert "-9,582.43, 2,357 customers, 4,814 purchase days" in done.stdout


@pytest.mark.embedded
@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("customer_id,amount\nc,1\n", ("column occurred_at is missing",)),
        ("customer_id,occurred_at,amount\nc,2026-01-01,1\n", ("no customer bought on a second day",)),
        ("customer_id,occurred_at,amount\nc,2026-13-01,1\n", ("line 2", "occurred_at")),
    ],
)
def test_a_file_that_can_not_be_fitted_is_one_line(tmp_path: Path, content: str, words: tuple[str, ...]) -> None:
    file = tmp_path / "purchases.csv"
    file.write_text(content)
    assert_one_clear_line(warmth("fit", "--transactions", str(file)), *words)


@pytest.mark.embedded
def test_parameters_that_are_none_are_one_line(tmp_path: Path) -> None:
    events = written(tmp_path / "events.jsonl", [])
    done: subprocess.CompletedProcess[str] = warmth("score", events, "--parameters", written(tmp_path / "p.json", ["{}"]))
    assert_one_clear_line(done, "p.json", "version")

"""Every example of `docs/sources` is sent to a collector as it is shipped, and stored."""

import re
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from tests.support.clients import query
from tests.support.stack import Stack

pytestmark = pytest.mark.embedded
ELSEWHERE = {"README.md", "snippet.md"}
"""The list of the pages, and the one that needs a browser."""
PAGES = sorted(path for path in (Path(__file__).parents[2] / "docs" / "sources").glob("*.md") if path.name not in ELSEWHERE)
STORED = {
    "freshdesk": {"ticket_opened": 1, "ticket_solved": 1, "ticket_rated": 1},
    "snowplow": {"page_viewed": 2},
    "tills": {"receipt_issued": 1, "receipt_refunded": 1, "deal_won": 1, "consent_given": 1},
    "trackers": {"customer_identified": 2, "product_viewed": 1, "page_viewed": 2},
}


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """A stack of its own for each page."""
    running = Stack(tmp_path / "stack")
    yield running
    assert running.stop() == 0


def run_alone(text: str, stack: Stack) -> None:
    """Run a program as a reader would: in a process of its own, since clients keep one instance a process."""
    said = f"WRITE_KEY, COLLECTOR = 'shop', {stack.collector!r}\n{text}"
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_examples_of_a_page_are_stored_as_it_says(page: Path, stack: Stack) -> None:
    examples = re.findall(r"```(http|python)\n(.*?)```", page.read_text(), re.DOTALL)
    assert examples
    for kind, text in examples:
        if kind == "python":
            run_alone(text, stack)
        else:
            request, body = text.split("\n\n", 1)
            method, path = request.split()
            answer = httpx.request(method, stack.collector + path, content=body.encode(), auth=("shop", ""))
            assert (answer.status_code, answer.json()) == (200, {"success": True}), text
    stack.wait_until_read()
    stored = query(stack.clickhouse, "SELECT type, count() FROM events WHERE type NOT LIKE 'profile_%' GROUP BY type")
    assert dict(stored) == STORED[page.stem]


def test_a_table_of_receipts_is_imported_once_however_often_it_is_sent(stack: Stack, tmp_path: Path) -> None:
    table = tmp_path / "2025.csv"
    rows = ["s,1,7,2025-03-01 18:00,5.50,40001,p", "s,1,7,2025-03-01 18:00,5.50,40001,q", "s,1,8,2025-03-02 18:00,?,40001,q"]
    table.write_text("\n".join(["store_id,till_id,receipt_no,occurred_at,total,card,coupon", *rows]), encoding="utf-8-sig")
    for _ in range(2):
        said = stack.run("import", "receipts", str(table), "--map", "number=receipt_no", "--set", "currency=RUB")
        assert (
            said.stdout
            == "2 receipts sent (1 of them will be dead letters: see `warmth query dead_letters_by_reason`) to purchase\n"
        )
    stack.wait_until_read()
    assert query(stack.clickhouse, "SELECT type, amount FROM events") == [("receipt_issued", Decimal("5.50"))]
    assert query(stack.clickhouse, "SELECT uniqExact(id), any(reason) FROM dead_letters_now") == [(2, "invalid_field")]
    refused = stack.run("import", "receipts", str(table), check=False)
    assert refused.returncode == 1
    assert refused.stderr.startswith("warmth: nothing says number")

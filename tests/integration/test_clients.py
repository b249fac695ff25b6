"""Real clients, unmodified, through everything that can go wrong on the way: each message is stored exactly once."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from rudderstack.analytics.client import Client as RudderClient
from segment.analytics.client import Client

from tests.support.clients import query
from tests.support.front import FAULTS, misbehaving
from tests.support.stack import Stack

pytestmark = [pytest.mark.embedded, pytest.mark.parametrize("broker", ["embedded"])]
KEY = "a-write-key"
SCRIPTS = Path(__file__).parents[1] / "clients"
RUDDER_SECS = 20
"""RudderStack's client for Node tells nobody when it is done."""
NODE, NPM = shutil.which("node") or "", shutil.which("npm") or ""
RETRIED_BY_RUDDER = ("500", "429", "503")
"""Its client for Node gives up on a connection that is reset; that is its own affair."""
needs_node = pytest.mark.skipif(not NPM, reason="needs Node and npm")


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the clients for Node, as npm installs them."""
    folder = tmp_path_factory.mktemp("clients")
    for file in SCRIPTS.iterdir():
        shutil.copy(file, folder)
    install = [NPM, "install", "--omit=optional", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts"]
    subprocess.run(install, cwd=folder, check=True, capture_output=True, timeout=200)
    return folder


def from_python(kind: Callable[..., Client | RudderClient]) -> Callable[[str], list[str]]:
    def send(address: str) -> list[str]:
        client = kind(KEY, host=address, max_retries=8, timeout=5)
        client.identify("u-1", {"city": "Kazan"}, message_id="python-1")
        client.track("u-1", "Product Viewed", {"product_id": "p-1"}, message_id="python-2")
        client.page("u-1", "Catalogue", "Tea", {"url": "https://shop.example/tea"}, message_id="python-3")
        client.flush()
        client.join()
        return ["python-1", "python-2", "python-3"]

    return send


@pytest.mark.parametrize("kind", [Client, RudderClient], ids=["segment", "rudder"])
def test_python_clients(stack: Stack, kind: Callable[..., Client | RudderClient]) -> None:
    with misbehaving(stack.collector) as (address, coming):
        ids = from_python(kind)(address)
        assert not coming, "not every fault has happened"
    assert stored(stack) == ids


@needs_node
@pytest.mark.parametrize(("script", "faults"), [("segment.mjs", FAULTS), ("rudder.mjs", RETRIED_BY_RUDDER)])
def test_node_clients(stack: Stack, node: Path, script: str, faults: tuple[str, ...]) -> None:
    with misbehaving(stack.collector, faults) as (address, coming):
        environment = {**os.environ, "COLLECTOR": address, "WRITE_KEY": KEY, "SECONDS": str(RUDDER_SECS)}
        done = subprocess.run(
            [NODE, script], cwd=node, env=environment, capture_output=True, text=True, timeout=90, check=False
        )
        assert done.returncode == 0, done.stderr
        assert not coming, f"{coming} did not happen: {done.stdout}{done.stderr}"
    assert stored(stack) == ["node-1", "node-2", "node-3"]


def stored(stack: Stack) -> list[str]:
    stack.wait_until_read()
    return sorted(row[0] for row in query(stack.clickhouse, "SELECT event_id FROM events WHERE customer_key = 'u-1'"))

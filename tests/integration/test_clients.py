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

pytestmark = pytest.mark.embedded
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


@pytest.mark.parametrize(("kind", "user"), [(Client, "segment-python"), (RudderClient, "rudder-python")])
def test_python_clients(shared: Stack, kind: Callable[..., Client | RudderClient], user: str) -> None:
    with misbehaving(shared.collector) as (address, coming):
        client = kind(KEY, host=address, max_retries=8, timeout=5)
        client.identify(user, {"city": "Kazan"}, message_id=f"{user}-1")
        client.track(user, "Product Viewed", {"product_id": "p-1"}, message_id=f"{user}-2")
        client.page(user, "Catalogue", "Tea", {"url": "https://shop.example/tea"}, message_id=f"{user}-3")
        client.flush()
        client.join()
        assert not coming, "not every fault has happened"
    assert stored(shared, user) == [f"{user}-{number}" for number in (1, 2, 3)]


@needs_node
@pytest.mark.parametrize(("user", "faults"), [("segment-node", FAULTS), ("rudder-node", RETRIED_BY_RUDDER)])
def test_node_clients(shared: Stack, node: Path, user: str, faults: tuple[str, ...]) -> None:
    script = f"{user.removesuffix('-node')}.mjs"
    with misbehaving(shared.collector, faults) as (address, coming):
        environment = {**os.environ, "COLLECTOR": address, "WRITE_KEY": KEY, "SECONDS": str(RUDDER_SECS)}
        done = subprocess.run(
            [NODE, script], cwd=node, env=environment, capture_output=True, text=True, timeout=90, check=False
        )
        assert done.returncode == 0, done.stderr
        assert not coming, f"{coming} did not happen: {done.stdout}{done.stderr}"
    assert stored(shared, user) == [f"{user}-{number}" for number in (1, 2, 3)]


def stored(stack: Stack, user: str) -> list[str]:
    """Return the ids of the events of a user, each as often as it is stored."""
    stack.wait_until_read()
    found = query(stack.clickhouse, f"SELECT event_id FROM events WHERE customer_key = '{user}'")
    return sorted(id_ for (id_,) in found)

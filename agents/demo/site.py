"""What visitors of the site do, told by Segment's client for Python to the collector, as a shop's server would tell it."""

import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson
from segment.analytics.client import Client

from deploy.embedded.supervisor import StackError

_KEYS: Final = "keys.yaml"
_COMMAND: Final = (sys.executable, "-P", "-m", "agents.cli", "keys", "create", "demo")
_PER_SEC: Final = 1_000_000
_NAMES: Final = {
    "product_viewed": "Product Viewed",
    "product_added": "Product Added",
    "product_removed": "Product Removed",
    "cart_viewed": "Cart Viewed",
    "checkout_started": "Checkout Started",
    "search_performed": "Products Searched",
    "content_rated": "Product Reviewed",
    "content_commented": "Product Reviewed",
    "subscribed": "List Subscribed",
    "unsubscribed": "List Unsubscribed",
    "page_pinged": "Page Pinged",
}


class SiteKey(NamedTuple):
    """A key that the site's events bear, and the settings of a collector that knows it and no other."""

    secret: str
    settings: dict[str, str]


def make_key(folder: Path) -> SiteKey:
    """Make a key for a stack that is to run in `folder`: its events' source is `simulator`, and it reads profiles.

    Raises:
        StackError: The file of keys in `folder` can not be used; the command has said why.
    """
    file = str(folder / _KEYS)
    options = ["--source", "simulator", "--scope", "write", "--scope", "read", "--events-per-sec", str(_PER_SEC)]
    made = subprocess.run([*_COMMAND, *options, "--file", file], stdout=subprocess.PIPE, text=True, check=False)
    if made.returncode != 0:
        raise StackError(f"no key could be made in {file}")
    return SiteKey(made.stdout.strip(), {"WARMTH_COLLECTOR_KEYS_FILE": file})


class Site:
    """The shop's tracker.

    Args:
        collector: Its address.
        write_key: The site's key.
    """

    def __init__(self, collector: str, write_key: str) -> None:
        self._errors: list[Exception] = []
        self._client = Client(
            write_key, host=collector, upload_interval=0.05, on_error=lambda error, _: self._errors.append(error)
        )

    def tell(self, said: bytes) -> None:
        """Hand one event of topic `site-interaction`, JSON, to the client."""
        event: dict[str, Any] = orjson.loads(said)
        kind, customer = event.pop("type"), event.pop("customer_id")
        told = {
            "message_id": event.pop("event_id"),
            "timestamp": datetime.fromisoformat(event.pop("occurred_at")),
            "context": event.pop("context"),
        }
        event.pop("source")
        properties = {**event.pop("page", {}), **event.pop("product", {}), **event}
        if kind == "page_viewed":
            self._client.page(customer, properties=properties, **told)
        else:
            self._client.track(customer, _NAMES[kind], properties, **told)

    def flush(self) -> None:
        """Return once the collector has taken everything.

        Raises:
            StackError: It did not.
        """
        self._client.flush()
        if self._errors:
            raise StackError(f"the collector did not take the site's events: {self._errors[0]}")

    def close(self) -> None:
        """End the client's thread."""
        self._client.join()

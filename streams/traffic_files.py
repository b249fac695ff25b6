"""Reads what tells bots and our own people from customers: a maintained list, and `rules/traffic.yaml`."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path

from crawleruseragents import CRAWLER_USER_AGENTS_DATA

from core.traffic import Network, Traffic
from streams.rules_files import read_networks


def read_traffic(folder: Path) -> Traffic:
    """Return what recognises bots by the public list of crawlers, and our own addresses by the file in `folder`.

    Raises:
        RulesError: The file is no YAML, or lists what is no network.
    """
    return traffic_of(read_networks(folder))


def traffic_of(networks: Iterable[Network]) -> Traffic:
    """Return what recognises bots by the public list of crawlers, and our own people by `networks`."""
    return Traffic(_bots(), networks)


@cache
def _bots() -> tuple[str, ...]:
    return tuple(str(crawler["pattern"]) for crawler in CRAWLER_USER_AGENTS_DATA)

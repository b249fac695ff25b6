"""Bots and our own people for the reference, from docs/scoring.md."""

import re
from functools import cache
from ipaddress import ip_address, ip_network

from crawleruseragents import CRAWLER_USER_AGENTS_DATA

from tests.reference.events import Event, at


def traffic(rules: dict, event: Event) -> str:
    """`bot` or `internal` for an event of the site that is nobody's; empty for all others."""
    if event.topic != "site-interaction":
        return ""
    agent, address = at(event.fields, "context.user_agent"), at(event.fields, "context.ip")
    if agent is not None and is_bot(agent):
        return "bot"
    return "internal" if address is not None and is_ours(rules, address) else ""


@cache
def is_bot(agent: str) -> bool:
    return any(re.search(crawler["pattern"], agent) for crawler in CRAWLER_USER_AGENTS_DATA)


def is_ours(rules: dict, address: str) -> bool:
    try:
        return any(ip_address(address) in ip_network(network) for network in rules.get("internal") or [])
    except ValueError:
        return False

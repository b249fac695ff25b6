"""Traffic that is no customer's: bots by their user agent, and our own people by their address."""

from collections.abc import Callable, Iterable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final

from core.conditions import compile_patterns
from schemas.envelope import Context, Envelope

BOT: Final = "bot"
INTERNAL: Final = "internal"
Network = IPv4Network | IPv6Network
KEPT_BITS: Final = {4: 24, 6: 48}
"""What the edge keeps of a client's address, by the version of the protocol."""
_KNOWN_CLIENTS: Final = 8192
"""Clients that are remembered with what they are; a site has thousands of user agents, and they repeat."""


class Traffic:
    """Tells whose an event of the site is.

    Args:
        bots: Patterns of the user agents of bots; one that is found makes a bot.
        internal: Our own addresses.
    """

    def __init__(self, bots: Iterable[str], internal: Iterable[Network]) -> None:
        self._is_bot = lru_cache(_KNOWN_CLIENTS)(compile_patterns(bots))
        networks = tuple(internal)
        self._is_internal = lru_cache(_KNOWN_CLIENTS)(_member(networks)) if networks else _nobody

    def of(self, event: Envelope) -> str:
        """Return `bot` or `internal`; empty for a customer's event."""
        context: Context | None = event.context
        if context is None:
            return ""
        if context.user_agent is not None and self._is_bot(context.user_agent):
            return BOT
        return INTERNAL if context.ip is not None and self._is_internal(context.ip) else ""


def _nobody(_: str) -> bool:
    return False


def _member(networks: tuple[Network, ...]) -> Callable[[str], bool]:
    def is_member(text: str) -> bool:
        try:
            address = ip_address(text)
        except ValueError:  # a producer may have cut or hashed it
            return False
        return any(address in network for network in networks)

    return is_member


def cut_address(value: str | None) -> str | None:
    """Return the network of a client address, which is nobody's own: /24 of IPv4, /48 of IPv6; None where it is none."""
    try:
        address = ip_address((value or "").strip())
    except ValueError:
        return None
    network = ip_network((address, KEPT_BITS[address.version]), strict=False)
    return str(network.network_address)

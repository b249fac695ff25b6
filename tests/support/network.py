"""A network namespace for a worker, whose only cable can be pulled: packets are lost, nobody is told."""

import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

_IP = shutil.which("ip") or "/sbin/ip"
RELAY = Path(__file__).with_name("relay.py")


def _ip(*arguments: str) -> None:
    subprocess.run([_IP, *arguments], check=True, capture_output=True, text=True)


class Namespace:
    """A namespace where the loopback ports in `ports` lead to the same ports out here, over a veth pair.

    Needs root. What runs inside is started by `before` and reached from here at `address`.
    """

    def __init__(self, *ports: int):
        number = random.SystemRandom().randrange(1, 1 << 14)
        here, self.address = (f"198.18.{number >> 6}.{number % 64 * 4 + last}" for last in (1, 2))
        self.name = f"warmth{number}"  # one of its own: what is removed lives on until its last process has ended
        self._cable = f"w{number}"
        self._relays: list[subprocess.Popen[bytes]] = []
        self.before = (_IP, "netns", "exec", self.name)
        _ip("netns", "add", self.name)
        _ip("link", "add", self._cable, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        _ip("addr", "add", f"{here}/30", "dev", self._cable)
        _ip("link", "set", self._cable, "up")
        for command in (("addr", "add", f"{self.address}/30", "dev", "eth0"), ("link", "set", "eth0", "up")):
            _ip("-n", self.name, *command)
        _ip("-n", self.name, "link", "set", "lo", "up")
        for port in ports:
            self._relay((), here, port, "127.0.0.1")
            self._relay(self.before, "127.0.0.1", port, here)
        time.sleep(0.5)

    def _relay(self, before: tuple[str, ...], host: str, port: int, to: str) -> None:
        command = [*before, sys.executable, "-I", str(RELAY), host, str(port), to, str(port)]
        self._relays.append(subprocess.Popen(command))

    def cut(self) -> None:
        """Pull the cable."""
        _ip("link", "set", self._cable, "down")

    def mend(self) -> None:
        """Put it back."""
        _ip("link", "set", self._cable, "up")

    def remove(self) -> None:
        """End the relays and remove the namespace with its cable."""
        for relay in self._relays:
            relay.kill()
            relay.wait()
        _ip("netns", "del", self.name)

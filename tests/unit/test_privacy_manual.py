"""What the pages for producers and subscribers print as Python does what they say."""

import hashlib
import hmac
import re
import time
from pathlib import Path
from typing import Any

import pytest

from agents.egress import signature
from schemas.sealed import is_sealed

DOCS = Path(__file__).parents[2] / "docs"


def programs(page: str) -> str:
    (program,) = re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
    return program


def test_the_encoder_of_the_page_seals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WARMTH_VAULT_DIR", str(tmp_path))
    printed: list[tuple[Any, ...]] = []
    exec(programs("privacy.md"), {"print": lambda *said: printed.append(said)})  # noqa: S102  # a page of ours
    ((topic, key, value, headers),) = printed
    assert (topic, key, headers) == ("support-ticket", b"c-1001", ())
    assert b"Anna" not in value
    assert is_sealed(re.findall(rb'"text":"([^"]+)"', value)[0].decode())


def test_the_check_of_the_page_knows_our_signature_and_no_other() -> None:
    known: dict[str, Any] = {}
    exec(programs("subscribers.md"), known)  # noqa: S102  # likewise
    now, body, secret = int(time.time()), b'{"topic": "score-change"}', b"between-us"
    ours = signature(secret, body, now)
    assert known["is_ours"](ours, body, secret)
    assert not known["is_ours"](ours, body + b" ", secret)
    assert not known["is_ours"](ours, body, b"guessed")
    assert not known["is_ours"](signature(secret, body, now - 400), body, secret), "too old"
    digest = hmac.new(secret, f"{now}.".encode() + body, hashlib.sha256).hexdigest()
    assert ours == f"t={now},v1={digest}"

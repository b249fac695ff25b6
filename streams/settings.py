"""Settings of everything that talks to Kafka; only composition roots make them from the environment."""

from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX: Final = "WARMTH_"
VAULT_DIR: Final = Path.home() / ".local" / "share" / "warmth"
RULES_DIR: Final = Path(__file__).parent.parent / "rules"


class StreamSettings(BaseSettings):
    """Kafka, epochs, scoring and metrics."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    kafka_bootstrap: str = Field("127.0.0.1:9092", description="Brokers, host:port, comma between.")
    broker_isolates: bool = Field(
        True, description="Whether the broker hides aborted transactions; the embedded one does not."
    )
    partitions: int = Field(12, ge=1, le=10_000, description="Partitions of every topic; never changed in place.")
    replication: int = Field(1, ge=1, le=32, description="Copies of every partition.")
    slot: str = Field("0", description="Slot of this worker: two running workers never share one.")
    session_timeout_secs: float = Field(10.0, gt=0, description="Silence after which the group gives partitions away.")
    heartbeat_interval_secs: float = Field(3.0, gt=0, description="Time between heartbeats; a third of the session or less.")
    rebalance_timeout_secs: float = Field(60.0, gt=0, description="Time that a rebalance waits for its members.")
    transaction_timeout_secs: float = Field(10.0, gt=0, description="Age at which the broker aborts an open transaction.")
    epoch_max_ms: int = Field(250, ge=1, description="An epoch closes at the latest after this time.")
    epoch_max_records: int = Field(20_000, ge=1, description="Folding waits while this many records await their epoch.")
    batch_secs: int = Field(1, ge=1, description="Width of a batch number: time that a range of loaded rows covers.")
    event_max_bytes: int = Field(1_048_576, ge=1, description="A larger record is a dead letter.")
    lateness_secs: int = Field(
        86_400,
        ge=0,
        le=604_800,
        description="Sessions and daily caps are exact for events that are late by at most this.",
    )
    warm_profiles: int = Field(20_000, ge=1, description="Decoded profiles kept per partition; others rest encoded.")
    hash_key: SecretStr = Field(
        SecretStr("warmth"), min_length=1, max_length=64, description="Secret of the hash of cards and phones."
    )

    @field_validator("hash_key")
    @classmethod
    def _fits_the_hash(cls, value: SecretStr) -> SecretStr:
        if len(value.get_secret_value().encode()) > 64:
            raise ValueError("must be at most 64 bytes")
        return value

    vault_url: str = Field(
        "", description="Database of the keys of people's data, such as postgresql+psycopg://…; empty for a file."
    )
    vault_dir: Path = Field(VAULT_DIR, description="Folder of that file, and of a master key where none is set.")
    master_keys: SecretStr = Field(
        SecretStr(""), description="Master key, base64 of 32 bytes; replaced ones after it, with commas between."
    )
    egress_secret: SecretStr = Field(SecretStr(""), description="Key of the signatures of `warmth egress`.")
    rules_dir: Path = Field(RULES_DIR, description="Folder of the rules.")
    timezone: str = Field("UTC", description="IANA time zone whose calendar days caps are counted by.")

    @field_validator("timezone")
    @classmethod
    def _is_known(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(f"no time zone is called {value!r}; give an IANA name, such as Europe/Moscow")
        return value

    @property
    def zone(self) -> ZoneInfo:
        """The time zone itself."""
        return ZoneInfo(self.timezone)

    failpoint_file: Path | None = Field(
        None, description="For fault tests: file that arms a crash point; see `streams/failpoints.py`."
    )
    metrics_host: str = Field("127.0.0.1", description="Address that the metrics listen on.")
    metrics_port: int = Field(9101, ge=0, le=65535, description="Port of the metrics; 0 takes a free one.")
    lookup_port: int = Field(
        0,
        ge=0,
        le=65535,
        description="Port, at the same address, where the collector asks a scorer for profiles; 0 takes a free one.",
    )
    log_level: str = Field("WARNING", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="Least level that is logged.")

"""Settings of everything that talks to ClickHouse; only composition roots make them from the environment."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from streams.settings import PREFIX


class SinkSettings(BaseSettings):
    """Address of ClickHouse, and how it is loaded."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    clickhouse_url: str = Field("http://127.0.0.1:8123", pattern="^https?://", description="ClickHouse's HTTP interface.")
    clickhouse_user: str = Field("default", description="User.")
    clickhouse_password: SecretStr = Field(SecretStr(""), description="Password.")
    clickhouse_database: str = Field("warmth", pattern="^[a-z_][a-z0-9_]*$", description="Database.")
    clickhouse_timeout_secs: float = Field(120.0, gt=0, description="Longest wait for one answer.")
    upsert_max_records: int = Field(50_000, ge=1, description="Profiles and dead letters are written after this many.")
    upsert_max_ms: int = Field(
        1_000, ge=1, description="Profiles and dead letters are written at the latest after this time."
    )

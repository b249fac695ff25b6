"""Settings of everything that talks to ClickHouse; only composition roots make them from the environment."""

from typing import Annotated, Final

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from streams.settings import PREFIX

_SHORTEST_TERM_DAYS: Final = 45


def _long_enough(days: int) -> int:
    if 0 < days < _SHORTEST_TERM_DAYS:
        raise ValueError(
            f"is 0, for ever, or at least {_SHORTEST_TERM_DAYS}: what topics still hold is compared with the rows"
        )
    return days


class SinkSettings(BaseSettings):
    """Address of ClickHouse, and how it is loaded."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    clickhouse_url: str = Field("http://127.0.0.1:8123", pattern="^https?://", description="ClickHouse's HTTP interface.")
    clickhouse_user: str = Field("default", description="User.")
    clickhouse_password: SecretStr = Field(SecretStr(""), description="Password.")
    clickhouse_database: str = Field("warmth", pattern="^[a-z_][a-z0-9_]*$", description="Database.")
    clickhouse_timeout_secs: float = Field(120.0, gt=0, description="Longest wait for one answer.")
    clickhouse_cluster: str = Field(
        "",
        pattern="^([A-Za-z_][A-Za-z0-9_]*)?$",
        description="Cluster whose servers all get the tables; empty for one server.",
    )
    clickhouse_roles: bool = Field(default=False, description="Whether `warmth migrate` makes a role for each department.")
    rows_kept_days: Annotated[int, AfterValidator(_long_enough)] = Field(
        0,
        ge=0,
        description="Days for which rows are kept after they were loaded; 0 for ever, else at least 45, since topics keep "
        "records for 30.",
    )
    upsert_max_records: int = Field(50_000, ge=1, description="Profiles and dead letters are written after this many.")
    upsert_max_ms: int = Field(
        1_000, ge=1, description="Profiles and dead letters are written at the latest after this time."
    )

"""Settings of the collector; what it shares with the scorer stands in `streams/settings.py`."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from streams.settings import PREFIX


class CollectorSettings(BaseSettings):
    """The HTTP edge: address, keys, limits, delivery."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    collector_host: str = Field("127.0.0.1", description="Address that the collector listens on.")
    collector_port: int = Field(8080, ge=0, le=65535, description="Port of the collector.")
    collector_keys_file: Path | None = Field(
        None, description="File of the keys that may post, made by `warmth keys`; without one any key may."
    )
    collector_body_max_bytes: int = Field(512_000, ge=1, description="A larger body is refused, as it is sent.")
    collector_unpacked_max_bytes: int = Field(5_000_000, ge=1, description="Likewise, once it is unpacked.")
    collector_event_max_bytes: int = Field(32_768, ge=1, description="A larger message is a dead letter.")
    collector_max_depth: int = Field(
        16, ge=2, le=200, description="A message whose objects and lists are nested deeper is a dead letter."
    )
    collector_events_per_sec: int = Field(
        5_000,
        ge=1,
        description="Events that a key may send per second, on average over two, unless its entry says otherwise.",
    )
    collector_ack_secs: float = Field(5.0, gt=0, description="Longest wait for Kafka's acknowledgement; then it is 503.")
    collector_pending_max_bytes: int = Field(
        64_000_000, ge=1, description="Records that may wait for Kafka; beyond that it is 503 at once."
    )
    collector_currency: str = Field(
        "USD", pattern="^[A-Z]{3}$", description="Currency of amounts that name none, in Segment's and Snowplow's events."
    )
    collector_trusts_forwarded: bool = Field(
        default=False, description="Whether a proxy in front says who the client is, by X-Forwarded-For and its like."
    )

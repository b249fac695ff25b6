"""Where a command finds the running system: `--data DIR` of an embedded one, else `WARMTH_…`."""

from pathlib import Path
from typing import Annotated

import typer

from agents.settings import AllSettings, read_settings
from deploy.embedded.programs import VAULT
from deploy.embedded.state import read_state

Data = Annotated[Path | None, typer.Option("--data", help="Folder of an embedded stack, as given to `warmth up`.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


class AddressError(Exception):
    """The running system can not be found."""


def settings_of(data: Path | None) -> AllSettings:
    """Return the settings, with the addresses of the embedded stack in `data` where that is given.

    Raises:
        AddressError: No stack has been started in `data`.
    """
    settings = read_settings()
    if data is None:
        return settings
    state = read_state(data)
    if state is None:
        raise AddressError(f"{data}: no stack was started here; run `warmth up --data {data}`")
    streams = settings.streams.model_copy(
        update={
            "kafka_bootstrap": state.kafka,
            "partitions": state.partitions,
            "broker_isolates": state.broker_isolates,
            "vault_dir": data / VAULT,
        }
    )
    return AllSettings(streams, settings.sinks.model_copy(update={"clickhouse_url": state.clickhouse}))

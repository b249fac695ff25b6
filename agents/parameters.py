"""Parameters of the value model, from the topic or from a file."""

from pathlib import Path
from typing import Final

from pydantic import ValidationError

from core.value import ValueModel, compile_parameters
from schemas.parameters import Parameters
from streams.kafka.publishing import Publisher
from streams.kafka.topics import PARAMETERS

KEY: Final = b"value"


class ParametersError(Exception):
    """The parameters can not be used; the message says why."""


def read_parameters(path: Path) -> ValueModel:
    """Return the parameters in a file, as `warmth fit --json` prints them.

    Raises:
        ParametersError: They are none.
    """
    return decode_parameters(path.read_bytes(), path.name)


async def publish(bootstrap: str, parameters: Parameters) -> None:
    """Write `parameters` to the topic; returns once they are acknowledged."""
    async with Publisher(bootstrap, 1) as publisher:
        await publisher.send(PARAMETERS, [(KEY, parameters.model_dump_json().encode())])


def decode_parameters(document: bytes, where: str) -> ValueModel:
    """Return the parameters in a document, compiled.

    Raises:
        ParametersError: They are none; the message names `where` they stand.
    """
    try:
        return compile_parameters(Parameters.model_validate_json(document))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"])) or "parameters"
        raise ParametersError(f"{where}: {field}: {first['msg'].removeprefix('Value error, ')}") from None

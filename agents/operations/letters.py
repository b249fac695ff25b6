"""A dead letter as its reader wants it: with its original readable."""

import base64
from typing import Any, Final

from agents.operations import OperationError
from agents.settings import AllSettings
from sinks.reading import Reader
from streams.vault.vault import GONE, vault_of

_ONE: Final = """
SELECT id, topic, stage, reason, detail, toString(received_at), is_sealed, key_base64, value_base64
FROM dead_letters_now WHERE id = {id:String}
"""


def read_letter(settings: AllSettings, id_: str) -> dict[str, Any]:
    """Return a dead letter; bytes that are no UTF-8 show where they are not.

    Raises:
        OperationError: There is no such letter.
        VaultError: Its key can not be had.
    """
    with Reader(settings.sinks) as reader:
        found = reader.rows(_ONE, {"id": id_})
    if not found:
        raise OperationError(f"no dead letter has the id {id_!r}; `warmth query dead_letters_by_reason` shows what there is")
    ((id_, topic, stage, reason, detail, received_at, is_sealed, key, value),) = found
    vault = vault_of(settings.streams) if is_sealed else None

    def text(code: str | None) -> str | None:
        if code is None:
            return None
        plain = base64.b64decode(code) if vault is None else vault.open(base64.b64decode(code))
        return GONE if plain is None else plain.decode(errors="backslashreplace")

    said = {"id": id_, "topic": topic, "stage": stage, "reason": reason, "detail": detail, "received_at": received_at}
    return {**said, "key": text(key), "value": text(value)}

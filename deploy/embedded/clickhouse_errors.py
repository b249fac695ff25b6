"""How the embedded ClickHouse says no: the engine's own code and text, and the HTTP status of a real server."""

import re

_CODED = re.compile(r"Code: (\d+)\. DB::Exception: (.*?)(?: \(version [^)]*\))?\s*$", re.DOTALL)
_STD_EXCEPTION = 1001

_STATUS_OF_CODE = (
    dict.fromkeys((6, 25, 26, 27, 38, 41, 53, 62, 69, 72, 117, 441, 442, 456, 457), 400)
    | dict.fromkeys((46, 47, 50, 56, 60, 63, 73, 78, 81, 115), 404)
    | {48: 501, 159: 408, 164: 403, 209: 503, 439: 503}
)


class RefusedError(Exception):
    """The engine, or the endpoint in its name, did not run a statement to its end.

    Attributes:
        code: ClickHouse's error code.
        text: `Code: N. DB::Exception: …`, as ClickHouse writes it.
    """

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        self.text = f"Code: {code}. DB::Exception: {reason}"
        super().__init__(self.text)

    @property
    def status(self) -> int:
        """The HTTP status that ClickHouse answers with for this code."""
        return _STATUS_OF_CODE.get(self.code, 500)


def refused(error: Exception) -> RefusedError:
    """Return what chDB raised, its own wrapping taken off."""
    found = _CODED.search(str(error))
    if not found:
        return RefusedError(_STD_EXCEPTION, f"{error}. (STD_EXCEPTION)")
    return RefusedError(int(found[1]), found[2])

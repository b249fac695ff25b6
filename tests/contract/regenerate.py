"""`python -m tests.contract.regenerate` writes the goldens and docs/queries.md anew.

It refuses where a change asks for a new version of a contract.
"""

import json
import sys
from pathlib import Path
from typing import Any

from agents.pages.queries import markdown
from schemas.export import asyncapi, json_schemas
from sinks.queries import read_queries
from tests.contract.compatibility import breaks

GOLDEN = Path(__file__).parent / "golden"
QUERIES = Path(__file__).parents[2] / "docs" / "queries.md"


def documents() -> dict[str, dict[str, Any]]:
    """Return every document that has a golden, by relative file name."""
    return {**json_schemas(), "asyncapi.json": asyncapi()}


def text(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def golden(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((GOLDEN / name).read_text(encoding="utf-8"))
    return loaded


def incompatible() -> list[str]:
    """Return one line per change that the goldens do not allow; a golden without a contract is one."""
    schemas = json_schemas()
    names = sorted(path.relative_to(GOLDEN).as_posix() for path in GOLDEN.glob("*/*.json"))
    return [f"{name}: {change}" for name in names for change in breaks(golden(name), schemas.get(name, {}))]


def main() -> int:
    if refused := incompatible():
        sys.stderr.write("Not written: these changes need a new version of the contract.\n" + "\n".join(refused) + "\n")
        return 1
    for name, document in documents().items():
        path = GOLDEN / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text(document), encoding="utf-8")
    QUERIES.write_text(markdown(read_queries().values()), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What `warmth migrate` brings about, as files say it: numbered migrations, and views that follow their files."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Final, NamedTuple

MIGRATIONS: Final = Path(__file__).parent / "migrations"
VIEW: Final = "view "
TERM: Final = "term "
"""How the names of steps begin that make a view, or give a table a term."""
VIEWS: Final = Path(__file__).parent / "views"
_NAME: Final = re.compile(r"^(\d{4})_([a-z0-9_]+)\.sql$")
_COMMENT: Final = re.compile(r"^\s*--.*$", re.MULTILINE)
_WORD: Final = re.compile(r"\w+")


class Step(NamedTuple):
    """Statements that belong together; they can be repeated, so that a run that was cut short is mended by the next one.

    `number` is that of a migration, 0 for what is brought about again whenever its checksum changes.
    """

    number: int
    name: str
    checksum: str
    statements: Sequence[str]

    @property
    def title(self) -> str:
        """What people read of it."""
        return f"{self.number:04d}_{self.name}" if self.number else self.name


def read_migrations(folder: Path = MIGRATIONS) -> list[Step]:
    """Return the migrations in order; a file with another kind of name is refused.

    Raises:
        ValueError: A name is no number and name, or a number is missing or stands twice.
    """
    found = []
    for path in sorted(folder.glob("*.sql")):
        match = _NAME.match(path.name)
        if match is None:
            raise ValueError(f"{path.name}: a migration is called 0001_name.sql")
        text = path.read_text(encoding="utf-8")
        statements = [statement.strip() for statement in without_comments(text).split(";") if statement.strip()]
        found.append(Step(int(match[1]), match[2], checksum(statements), statements))
    if [migration.number for migration in found] != list(range(1, len(found) + 1)):
        raise ValueError("migrations must be numbered 1, 2, 3 … without a gap")
    return found


def view_steps(selects: dict[str, str], basis: int, security: str = "") -> list[Step]:
    """Return one step for each view, those that others read before these.

    Args:
        selects: What each view selects, by its name.
        basis: Number of the last migration: a view is made anew after each, since it knows the columns of its tables.
        security: By whose rights views read, where not by those of who asks.
    """
    names = selects.keys()
    reads = {name: (names & set(_WORD.findall(select))) - {name} for name, select in selects.items()}
    steps = []
    for name in TopologicalSorter(reads).static_order():
        statement = f"CREATE OR REPLACE VIEW {name}{security} AS\n{selects[name]}"
        steps.append(Step(0, VIEW + name, checksum([statement, str(basis)]), [statement]))
    return steps


def read_selects(folder: Path = VIEWS) -> dict[str, str]:
    """Return what each view of a folder selects, by its name."""
    return {path.stem: without_comments(path.read_text(encoding="utf-8")).strip() for path in sorted(folder.glob("*.sql"))}


def undone(name: str) -> str | None:
    """Return the statement that takes away what a step that is gone brought about; None where nothing does."""
    if name.startswith(VIEW):
        return f"DROP VIEW IF EXISTS {name.removeprefix(VIEW)}"
    return f"ALTER TABLE {name.removeprefix(TERM)} REMOVE TTL" if name.startswith(TERM) else None


def checksum(statements: Iterable[str]) -> str:
    """Return what tells statements apart; comments and the space around words do not count."""
    words = "\n".join(" ".join(statement.split()) for statement in statements)
    return hashlib.blake2b(words.encode(), digest_size=8).hexdigest()


def without_comments(text: str) -> str:
    """Return SQL without the lines that are comments."""
    return _COMMENT.sub("", text)

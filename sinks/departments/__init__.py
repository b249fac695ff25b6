"""What each department may read: its own views, and the queries of the library that are for it."""

from pathlib import Path
from typing import Final

from sinks.queries import DEPARTMENTS, read_queries
from sinks.statements import Step, checksum, read_selects

FOLDER: Final = Path(__file__).parent
ROLES: Final = "roles"


def department_views() -> dict[str, dict[str, str]]:
    """Return what each view of a department selects, by department and name."""
    return {
        department: {f"{department}_{name}": select for name, select in read_selects(FOLDER / department).items()}
        for department in DEPARTMENTS
    }


def role_step(database: str) -> Step:
    """Return the step that makes a role of each department, which reads what is for it and nothing else."""
    statements = []
    for department, views in department_views().items():
        role = f"{database}_{department}"
        readable = [*views, *(query.name for query in read_queries().values() if department in query.departments)]
        statements += [f"CREATE ROLE IF NOT EXISTS {role}", f"REVOKE ALL ON {database}.* FROM {role}"]
        statements += [f"GRANT SELECT ON {database}.{name} TO {role}" for name in sorted(readable)]
    return Step(0, ROLES, checksum(statements), statements)

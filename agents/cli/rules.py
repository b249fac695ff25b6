"""`warmth rules`: check rules, try them on examples, and compare two versions."""

from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from agents.cli.addresses import Json, settings_of
from agents.operations.fixtures import run_fixtures
from agents.rulebook import compiled
from core.differences import Difference, differences
from streams.rules_examined import examine
from streams.rules_files import read_rule_set
from streams.rules_published import read_version
from streams.settings import StreamSettings

rules_app = typer.Typer(help="The rules that points are given by.", no_args_is_help=True)
Folder = Annotated[
    Path | None, typer.Argument(exists=True, file_okay=False, help="Folder of the rules; WARMTH_RULES_DIR if left out.")
]
Existing = Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Folder of rules.")]
_SIGNS = {"added": "+", "removed": "-", "changed": "~"}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(rules_app, name="rules")


@rules_app.command(epilog="Example: warmth rules check rules")
def check(folder: Folder = None, as_json: Json = False) -> None:  # noqa: FBT002  # an option
    """Say everything that is wrong with the rules: file, line, field, and what to do. Warnings alone are no failure."""
    where = _settings(folder).rules_dir
    rules, problems = examine(where)
    if as_json:
        typer.echo(orjson.dumps([problem._asdict() for problem in problems]))
    else:
        for problem in problems:
            typer.echo(f"{'warning' if problem.warning else 'error'}: {problem}")
        if rules is not None:
            typer.echo(f"{where}: {len(rules.rules)} rules can be used")
    if rules is None:
        raise typer.Exit(1)


@rules_app.command(epilog="Example: warmth rules test rules")
def test(folder: Folder = None, as_json: Json = False) -> None:  # noqa: FBT002  # an option
    """Run the examples in `fixtures/` beside the rules, without Kafka; say what is not as expected."""
    settings = _settings(folder)
    results = run_fixtures(settings.rules_dir, compiled(read_version(settings.rules_dir), settings))
    failed = [result for result in results if result.differences]
    if as_json:
        typer.echo(orjson.dumps([result._asdict() for result in results]))
    else:
        for result in failed:
            typer.echo(f"{result.file}, line {result.line}: {result.name}")
            typer.echo("".join(f"  {difference}\n" for difference in result.differences), nl=False)
        typer.echo(f"{len(results) - len(failed)} of {len(results)} fixtures hold")
    if failed:
        raise typer.Exit(1)


@rules_app.command(epilog="Example: warmth rules diff rules-of-may rules")
def diff(old: Existing, new: Existing, as_json: Json = False) -> None:  # noqa: FBT002  # an option
    """Say which rules, scores and groups were added, removed or changed."""
    found = differences(read_rule_set(old), read_rule_set(new))
    if as_json:
        typer.echo(orjson.dumps([difference._asdict() for difference in found]))
        return
    for difference in found:
        typer.echo(sentence(difference))
    if not found:
        typer.echo("no difference")


def _settings(folder: Path | None) -> StreamSettings:
    settings = settings_of(None).streams
    return settings if folder is None else settings.model_copy(update={"rules_dir": folder})


def sentence(difference: Difference) -> str:
    """Return a difference in one line."""
    kind, name, change, fields = difference
    if change == "changed":
        said = [f"{path} {_text(old)} → {_text(new)}".strip() for path, (old, new) in fields.items()]
    else:
        said = [f"{path} {_text(new if change == 'added' else old)}".strip() for path, (old, new) in fields.items()]
    return f"{_SIGNS[change]} {f'{kind} {name}'.strip()}: {'; '.join(said)}"


def _text(value: Any) -> str:
    if value is None:
        return "none"
    return value if isinstance(value, str) else orjson.dumps(_short(value)).decode()


def _short(value: Any) -> Any:
    """Return `value` with whole numbers written without a point."""
    if isinstance(value, dict):
        return {name: _short(inner) for name, inner in value.items()}
    return int(value) if isinstance(value, float) and value.is_integer() else value

"""`warmth rules publish`: running workers judge by other rules, without a restart."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import orjson
import typer

from agents.cli.addresses import Data, Json, settings_of
from agents.cli.rules import Folder, rules_app, sentence
from agents.operations.fixtures import run_fixtures
from agents.rulebook import compiled, read_rulebook
from core.differences import Difference, differences
from core.traffic import Network
from streams.kafka.admin import check_topics
from streams.rules_files import RulesError
from streams.rules_published import RulesVersion, publish as write, read_version
from streams.settings import StreamSettings


def register(_app: typer.Typer) -> None:
    """Add the command."""
    rules_app.command(epilog="Example: warmth rules publish rules --data /tmp/warmth")(publish)


def publish(
    folder: Folder = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, and publish nothing.")] = False,  # noqa: FBT002
    data: Data = None,
    as_json: Json = False,  # noqa: FBT002  # an option
) -> None:
    """Let all workers judge every customer by these rules from now on; what changes by that is said as `reconcile`.

    Rules with errors or with fixtures that do not hold are refused whole.
    """
    settings = settings_of(data).streams
    draft = read_version(folder or settings.rules_dir)
    _refuse_broken_fixtures(folder or settings.rules_dir, draft, settings)
    present, found = asyncio.run(_publish(draft, settings, dry_run=dry_run))
    document = {
        "version": present.version,
        "published": not dry_run and bool(found),
        "differences": [difference._asdict() for difference in found],
    }
    if as_json:
        typer.echo(orjson.dumps(document))
        return
    for difference in found:
        typer.echo(sentence(difference))
    if not found:
        typer.echo(f"no difference: version {present.version} says the same, nothing was published")
    elif dry_run:
        typer.echo(f"nothing was published; version {present.version} still holds")
    else:
        typer.echo(f"version {present.version} is published: workers judge by it within a second")


def _refuse_broken_fixtures(folder: Path, draft: RulesVersion, settings: StreamSettings) -> None:
    if not (folder / "fixtures").is_dir():
        return
    failed = [result for result in run_fixtures(folder, compiled(draft, settings)) if result.differences]
    if failed:
        first = failed[0]
        raise RulesError(
            f"{len(failed)} fixtures do not hold, the first is {first.file}, line {first.line}: {first.name}; "
            f"`warmth rules test {folder}` tells more"
        )


async def _publish(draft: RulesVersion, settings: StreamSettings, *, dry_run: bool) -> tuple[RulesVersion, list[Difference]]:
    """Return the version that holds afterwards, and what made it differ from the one before."""
    await check_topics(settings.kafka_bootstrap, settings.partitions)
    book = await read_rulebook(settings)
    present, found = book.version, list(_differences(book.version, draft))
    if dry_run or (book.is_published and not found):
        return present, found
    number = max(present.version + 1, draft.version)
    version = draft.model_copy(
        update={"published_at": datetime.now(UTC), "rules": draft.rules.model_copy(update={"version": number})}
    )
    await write(settings.kafka_bootstrap, version)
    return version, found


def _differences(old: RulesVersion, new: RulesVersion) -> Iterator[Difference]:
    """Yield all that differs but for the number of the version."""
    yield from (difference for difference in differences(old.rules, new.rules) if difference.kind != "version")
    for kind, before, after in (("tracking plan", old.plan, new.plan), ("internal traffic", old.internal, new.internal)):
        if before != after:
            yield Difference(kind, "", "changed", {"": (_texts(before), _texts(after))})


def _texts(said: dict[str, frozenset[str]] | list[Network]) -> dict[str, list[str]] | list[str]:
    """Return a tracking plan or networks as JSON has them."""
    if isinstance(said, dict):
        return {name: sorted(properties) for name, properties in said.items()}
    return [str(network) for network in said]

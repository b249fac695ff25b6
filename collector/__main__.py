"""`python -m collector`: the server, and its keys. `warmth collector` and `warmth keys` start it."""

import gc
import sys
from pathlib import Path
from typing import Annotated

import typer
import uvicorn

from collector.app import make_app
from collector.keys import Key, KeyFile, KeysError, digest, new_secret, read_file, write_file
from collector.settings import CollectorSettings
from streams.rules_files import RulesError
from streams.settings import StreamSettings
from streams.vault.keys import VaultError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
keys_app = typer.Typer(help="Keys of trackers, tills and help desks.", no_args_is_help=True)
app.add_typer(keys_app, name="keys")
_HEADER_BYTES = 32_768
_COLLECT_GARBAGE = (100_000, 50, 100)
"""Less often than usual: what a request makes is gone by itself when it is answered."""
_IDLE_SECS = 65
"""Longer than the 60 s of usual proxies, so that none of them sends into a connection that is being closed."""

File = Annotated[Path | None, typer.Option("--file", help="File of the keys; WARMTH_COLLECTOR_KEYS_FILE if left out.")]


@app.command(epilog="Example: WARMTH_COLLECTOR_PORT=8080 warmth collector")
def serve() -> None:
    """Take what trackers, tills and help desks post, until SIGTERM."""
    settings, streams = CollectorSettings(), StreamSettings()
    application = make_app(settings, streams)
    gc.freeze()
    gc.set_threshold(*_COLLECT_GARBAGE)
    uvicorn.run(
        application,
        host=settings.collector_host,
        port=settings.collector_port,
        loop="uvloop",
        http="httptools",
        ws="none",
        access_log=False,
        log_level=streams.log_level.lower(),
        server_header=False,
        proxy_headers=settings.collector_trusts_forwarded,
        forwarded_allow_ips="*" if settings.collector_trusts_forwarded else None,
        timeout_keep_alive=_IDLE_SECS,
        h11_max_incomplete_event_size=_HEADER_BYTES,
    )


@keys_app.command(epilog="Example: warmth keys create shop --source web --origin https://shop.example --file keys.yaml")
def create(
    name: Annotated[str, typer.Argument(help="Name of the key, for people.")],
    source: Annotated[str | None, typer.Option(help="Source of the events that come with it, such as web.")] = None,
    scope: Annotated[list[str] | None, typer.Option(help="write (events; the default) or read (profiles).")] = None,
    origin: Annotated[list[str] | None, typer.Option(help="Origin of pages that may use it; any if left out.")] = None,
    events_per_sec: Annotated[int | None, typer.Option(min=1, help="Rate; that of the settings if left out.")] = None,
    file: File = None,
) -> None:
    """Make a key and print it, this once: only its hash is kept. A name may have several, while one replaces another."""
    path = _path(file)
    secret = new_secret()
    key = Key.model_validate(
        {
            "name": name,
            "sha256": digest(secret),
            "scopes": frozenset(scope or ["write"]),
            "source": source,
            "origins": frozenset(origin or []),
            "events_per_sec": events_per_sec,
        }
    )
    write_file(path, KeyFile(keys=[*read_file(path).keys, key]))
    typer.echo(secret)


@keys_app.command(name="list", epilog="Example: warmth keys list --file keys.yaml")
def list_keys(file: File = None) -> None:
    """Show the keys; of each the first letters of its hash, since nobody knows the key itself."""
    for key in read_file(_path(file)).keys:
        typer.echo(f"{key.name:24} {key.sha256[:12]}  {','.join(sorted(key.scopes)):12} {key.source or '-':12} "
                   f"{' '.join(sorted(key.origins)) or 'any origin'}")  # fmt: skip


@keys_app.command(epilog="Example: warmth keys revoke shop --hash 3fa9c1 --file keys.yaml")
def revoke(
    name: Annotated[str, typer.Argument(help="Name of the key.")],
    hash_begins: Annotated[str, typer.Option("--hash", help="First letters of its hash; all of the name if left out.")] = "",
    file: File = None,
) -> None:
    """Take keys away; running collectors know within two seconds."""
    path = _path(file)
    keys = read_file(path).keys
    kept = [key for key in keys if key.name != name or not key.sha256.startswith(hash_begins)]
    if len(kept) == len(keys):
        raise KeysError(f"{path}: no key is called {name!r}{f' and begins with {hash_begins}' if hash_begins else ''}")
    write_file(path, KeyFile(keys=kept))
    typer.echo(f"{len(keys) - len(kept)} revoked")


def _path(file: Path | None) -> Path:
    path = file or CollectorSettings().collector_keys_file
    if path is None:
        raise KeysError("no file of keys: give --file, or set WARMTH_COLLECTOR_KEYS_FILE")
    return path


def main() -> None:
    """Run; what goes wrong is one line."""
    try:
        app()
    except (KeysError, RulesError, VaultError) as error:
        print(f"warmth: {error}", file=sys.stderr)  # noqa: T201  # last words
        sys.exit(1)


if __name__ == "__main__":
    main()

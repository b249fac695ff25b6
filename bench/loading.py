"""CPU of the loader per event: the scorer's outputs of the job into the embedded ClickHouse."""

import sys
import time
from typing import Any

from bench.events import job_events
from bench.stack import HOST, Process, Stack
from sinks.migrate import migrate
from sinks.reading import Reader
from sinks.settings import SinkSettings

_LAST_BATCH_SECS = 3.0
"""Until the scorer has said that the last batch number is complete."""
_LAST_COMMIT_SECS = 2.0


def measure(stack: Stack, events: int, customers: int) -> dict[str, Any]:
    """Return the loader's CPU per event, with all the rows that it writes for one."""
    stack.renew()
    stack.load(job_events(events, customers))
    stack.scored(linger=_LAST_BATCH_SECS)
    url = f"http://{HOST}:{stack.port + 2}"
    folder = stack.scratch("clickhouse")
    command = [
        sys.executable,
        "-m",
        "deploy.embedded.clickhouse",
        "--data",
        str(folder / "data"),
        "--port",
        str(stack.port + 2),
    ]
    clickhouse = Process(command, folder, {})
    try:
        return _load(stack, SinkSettings(clickhouse_url=url), events)
    finally:
        clickhouse.stop()


def _load(stack: Stack, settings: SinkSettings, events: int) -> dict[str, Any]:
    migrate(settings, wait=True)
    with Reader(settings) as reader, stack.worker("loader", WARMTH_CLICKHOUSE_URL=settings.clickhouse_url) as loader:

        def rows(table: str) -> int:
            return int(reader.rows(f"SELECT count() FROM {table}", {})[0][0])  # noqa: S608  # our own names

        loader.wait_until(lambda: rows("events") >= events, pause=0.5)
        time.sleep(_LAST_COMMIT_SECS)
        figures = loader.ask()
        written = {table: rows(table) for table in ("events", "outcomes", "score_changes", "profiles")}
    return {
        "loader_cpu_us_per_row": round(figures["cpu_s"] / written["events"] * 1e6, 2),
        "loader": {
            "rows": written,
            "cpu_us_per_row_of_any_table": round(figures["cpu_s"] / sum(written.values()) * 1e6, 2),
            "events_per_s": round(events / figures["wall_s"]),
        },
    }

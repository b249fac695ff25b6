"""Pictures for docs/: the dashboards drawn with matplotlib, where Grafana does not run, and the report in a browser.

    python -m bench.boards --data DIR      of a running stack, such as that of `warmth demo --keep`

Grafana lays the same panels out alike; colours and fonts are its own.
"""

import argparse
import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib import pyplot as plt
from rich.console import Console
from rich.progress import track

from agents.cli.addresses import settings_of
from agents.pages.report import html, read_report
from sinks.reading import Answer, Reader
from tests.support.grafana import as_grafana_sends

ROOT: Final = Path(__file__).parents[1]
_DOCS: Final = ROOT / "docs"
_UNIT_INCHES: Final = 0.45
_WIDE: Final = 24
_ROWS_SHOWN: Final = 8
_CONSOLE: Final = Console(stderr=True)


def main() -> int:
    """Draw; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.boards", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of a running stack")
    options = parser.parse_args()
    mpl.use("Agg")
    mpl.rcParams.update({"font.family": "DejaVu Sans", "font.size": 8, "axes.titlesize": 9})
    boards = [
        json.loads(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "deploy/grafana/dashboards").glob("*.json"))
    ]
    with Reader(settings_of(options.data).sinks) as reader:
        for board in track([board for board in boards if _reads_clickhouse(board)], "dashboards", console=_CONSOLE):
            _draw(board, reader)
        _photograph(html(read_report(reader, datetime.now(UTC), lambda: None)))
    return 0


def _reads_clickhouse(board: dict[str, Any]) -> bool:
    return all("rawSql" in target for panel in board["panels"] for target in panel["targets"])


def _draw(board: dict[str, Any], reader: Reader) -> None:
    panels = board["panels"]
    height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels) + 1
    figure = plt.figure(figsize=(_WIDE * _UNIT_INCHES, height * _UNIT_INCHES))
    figure.text(0.5 / _WIDE, 1 - 0.7 / height, board["title"], weight="bold", size=12)
    for panel in panels:
        at = panel["gridPos"]
        left, below = (at["x"] + 1) / _WIDE, 1 - (at["y"] + at["h"] - 0.1) / height
        axes = figure.add_axes((left, below, (at["w"] - 1.6) / _WIDE, (at["h"] - 2.4) / height))
        axes.set_title(panel["title"], loc="left", weight="bold")
        _KINDS[panel["type"]](axes, reader.ask(as_grafana_sends(panel["targets"][0]["rawSql"])))
    figure.savefig(_DOCS / f"dashboard-{board['uid'].removeprefix('warmth-')}.png", dpi=70, metadata={"Software": None})
    plt.close(figure)


def _lines(axes: Any, answer: Answer) -> None:
    series: dict[str, list[tuple[Any, float]]] = {}
    for row in answer.rows:
        series.setdefault(str(row[1]) if len(row) > 2 else "", []).append((row[0], float(row[-1])))
    for name, points in sorted(series.items()):
        axes.plot(*zip(*points, strict=True), label=name, linewidth=1.2)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(axis="x", labelrotation=20, labelsize=6)
    if len(series) > 1:
        axes.legend(fontsize=6, frameon=False, ncols=2)


def _bars(axes: Any, answer: Answer) -> None:
    axes.bar([str(row[0]) for row in answer.rows], [row[-1] or 0 for row in answer.rows], color="#d9622b")
    axes.tick_params(axis="x", labelrotation=20, labelsize=6)
    axes.spines[["top", "right"]].set_visible(False)


def _stats(axes: Any, answer: Answer) -> None:
    axes.axis("off")
    for number, (name, value) in enumerate(zip(answer.columns, answer.rows[0], strict=True)):
        axes.text(number / len(answer.columns), 0.5, f"{value:,}", size=18, weight="bold")
        axes.text(number / len(answer.columns), 0.25, name)


def _table(axes: Any, answer: Answer) -> None:
    axes.axis("off")
    if not answer.rows:
        axes.text(0, 0.5, "nobody")
        return
    cells = [[_short(value) for value in row] for row in answer.rows[:_ROWS_SHOWN]]
    table = axes.table(cellText=cells, colLabels=answer.columns, loc="upper left", cellLoc="left", edges="horizontal")
    table.auto_set_font_size(False)  # noqa: FBT003  # matplotlib's signature
    table.set_fontsize(7)


def _short(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return str(value)[:22]


_KINDS: Final = {"timeseries": _lines, "barchart": _bars, "stat": _stats, "table": _table}


def _photograph(page: str) -> None:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        _CONSOLE.print("no picture of the report: needs Chromium (apt-get install chromium)")
        return
    file = _DOCS / "report.html"
    file.write_text(page, encoding="utf-8")
    picture = f"--screenshot={_DOCS / 'report.png'}"
    command = [
        chromium,
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--window-size=1100,1900",
        picture,
        f"file://{file}",
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    file.unlink()


if __name__ == "__main__":
    sys.exit(main())

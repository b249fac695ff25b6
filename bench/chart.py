"""The chart of `docs/performance.md`."""

from typing import Final

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.ticker import ScalarFormatter

from bench.contenders import FLOOR, WARMTH
from bench.report import ROOT, Figures, contenders

CHART: Final = ROOT / "docs" / "performance"


def draw(jobs: Figures) -> None:
    """Draw CPU per event of each contender, as PNG and SVG without times, so that it diffs well."""
    mpl.use("Agg")
    mpl.rcParams.update({"svg.hashsalt": "warmth", "svg.fonttype": "none", "font.family": "DejaVu Sans"})
    names = sorted(contenders(jobs), key=lambda name: -jobs[name]["cpu_us_per_event"])
    costs = [jobs[name]["cpu_us_per_event"] for name in names]
    colours = ["#d1495b" if name == WARMTH else "#c9ced6" if name == FLOOR else "#6b7a8f" for name in names]
    figure, axes = plt.subplots(figsize=(8, 3.6), layout="constrained")
    bars = axes.barh(names, costs, color=colours)
    axes.bar_label(bars, labels=[f"{cost:.1f}" for cost in costs], padding=4)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.set_xlim(1, max(costs) * 2)
    axes.set_xlabel("CPU per event, µs (logarithmic; less is better)")
    axes.set_title("The same job on Apache Kafka", loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(CHART.with_suffix(".png"), dpi=150, metadata={"Software": None})
    figure.savefig(CHART.with_suffix(".svg"), metadata={"Date": None, "Creator": None})
    plt.close(figure)

"""`warmth report`, as a browser shows it."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from agents.pages.report import SECTIONS, html, read_report, spark
from sinks.migrate import migrate
from sinks.reading import Reader
from sinks.settings import SinkSettings
from tests.support.house import House

pytestmark = pytest.mark.embedded
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
MEASURED = """<script>
document.documentElement.dataset.overflow = document.documentElement.scrollWidth - document.documentElement.clientWidth;
document.documentElement.dataset.bars = [...document.querySelectorAll(".bar")].filter(bar => bar.offsetWidth > 0).length;
document.documentElement.dataset.tables = document.querySelectorAll("table").length;
</script>"""


def shown(page: Path, width: int) -> dict[str, str]:
    """Return what the page measures of itself in a window of a width."""
    page.with_name("measured.html").write_text(page.read_text() + MEASURED)
    command = [
        CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", f"--window-size={width},900",
        f"--user-data-dir={page.parent / 'browser'}", "--dump-dom", f"file://{page.with_name('measured.html')}",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return dict(re.findall(r'data-(\w+)="(-?\d+)"', done.stdout[: done.stdout.index(">", 20)]))


@pytest.fixture(scope="module")
def page(house: House, tmp_path_factory: pytest.TempPathFactory) -> Path:
    asked = []
    answers = read_report(house.reader, house.now, lambda: asked.append(1))
    assert len(asked) == len(SECTIONS)
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(html(answers))
    return path


def test_it_loads_nothing_from_anywhere(page: Path) -> None:
    text = page.read_text()
    assert not re.findall(r"""(?:src|href|url)\s*[=(]|@import|https?:""", text)
    assert len(text) < 200_000


def test_it_shows_what_the_queries_say(house: House, page: Path) -> None:
    text = page.read_text()
    for row in house.ask("top_movers"):
        assert f"<td>{row[0]}</td>" in text
    for row in house.ask("segment_sizes"):
        assert f"<td>{row[0]}</td><td" in text
    (cells,) = re.findall(r'<section id="rfm_cells">(.*?)</section>', text, re.DOTALL)
    assert sum(int(number) for number in re.findall(r">(\d+)<br>", cells)) == sum(row[5] for row in house.ask("rfm_cells"))
    assert "Nothing yet" not in text


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")
@pytest.mark.parametrize("width", [390, 1200])
def test_a_browser_shows_it_on_a_phone_and_on_a_desk(page: Path, width: int) -> None:
    measured = shown(page, width)
    assert int(measured["overflow"]) <= 0
    assert int(measured["bars"]) > 5
    assert int(measured["tables"]) >= 9


def test_an_empty_warehouse_makes_a_page_that_says_so(house: House) -> None:
    settings = SinkSettings(clickhouse_url=house.settings.clickhouse_url, clickhouse_database="empty_one")
    migrate(settings, wait=False)
    with Reader(settings) as reader:
        text = html(read_report(reader, house.now, lambda: None))
    assert text.count("Nothing yet.") == 9


def test_names_of_customers_are_text(house: House) -> None:
    answers = read_report(house.reader, house.now, lambda: None)
    answers["top_movers"] = [{"customer_key": "<script>", "points": 1.0, "rules": "a&b"}]
    text = html(answers)
    assert "<script>" not in text
    assert "&lt;script&gt;" in text


@pytest.mark.parametrize(
    ("values", "points"), [([1], "0.0,22.0"), ([0, 2], "0.0,22.0 120.0,2.0"), ([5, 5], "0.0,22.0 120.0,22.0")]
)
def test_a_line_through_sizes_fits_its_picture(values: list[int], points: str) -> None:
    assert spark(values) == points

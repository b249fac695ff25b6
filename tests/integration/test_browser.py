"""In a real browser: our own tracker and Segment's, through faults; each event is stored exactly once."""

import asyncio
import functools
import gzip
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import aiohttp
import httpx
import pytest

from tests.integration.test_clients import needs_node, node  # noqa: F401  # a fixture
from tests.support.clients import query
from tests.support.front import misbehaving
from tests.support.stack import Stack

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.embedded,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
]
MANUAL = Path(__file__).parents[2] / "docs" / "sources" / "snippet.md"
STUB = "window.warmth = window.warmth || function () { (warmth.q = warmth.q || []).push(arguments) }"


@contextmanager
def site(folder: Path) -> Iterator[str]:
    """Serve the pages of a folder; give their address."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def browse(profile: Path, url: str, seconds: float) -> str:
    return asyncio.run(looked_at(profile, url, seconds))


async def looked_at(profile: Path, url: str, seconds: float) -> str:
    """Open a page in a browser of its own, look at it for a while, and return what it has become."""
    command = [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"]
    port = profile / "DevToolsActivePort"
    port.unlink(missing_ok=True)
    browser = await asyncio.create_subprocess_exec(
        *command, f"--user-data-dir={profile}", "about:blank", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(60), aiohttp.ClientSession() as session:
            while not (port.exists() and port.read_text().count("\n") >= 1):  # noqa: ASYNC110  # a file tells nobody
                await asyncio.sleep(0.1)
            number, path = port.read_text().split("\n")[:2]
            async with session.put(f"http://127.0.0.1:{number}/json/new?about:blank") as answer:
                tab = (await answer.json())["webSocketDebuggerUrl"]
            async with session.ws_connect(tab, max_msg_size=0) as devtools:
                await devtools.send_json({"id": 1, "method": "Page.navigate", "params": {"url": url}})
                await devtools.receive_json()
                await asyncio.sleep(seconds)
                said = {"expression": "document.documentElement.outerHTML"}
                await devtools.send_json({"id": 2, "method": "Runtime.evaluate", "params": said})
                page = (await devtools.receive_json())["result"]["result"]["value"]
                leaving = {"url": "about:blank"}  # else the next browser of this profile may open the page again
                await devtools.send_json({"id": 3, "method": "Page.navigate", "params": leaving})
                await devtools.receive_json()
                await asyncio.sleep(1)
            async with session.ws_connect(f"ws://127.0.0.1:{number}{path}") as devtools:
                await devtools.send_json({"id": 1, "method": "Browser.close"})
            await browser.wait()
            return page
    finally:
        if browser.returncode is None:
            browser.kill()
            await browser.wait()


def page(folder: Path, name: str, collector: str, script: str, attributes: str = "") -> None:
    tracker = f'<script src="{collector}/warmth.js" data-key="k" {attributes} async></script>'
    text = f"<!DOCTYPE html><title>{name}</title><script>{STUB}</script>{tracker}<script>{script}</script>"
    (folder / f"{name}.html").write_text(text)


def stored(stack: Stack, columns: str = "type, count(), uniqExact(event_id)", where: str = "1") -> list[tuple]:
    stack.wait_until_read()
    said = f"_topic IN ('site-interaction', 'customer') AND {where}"
    return sorted(query(stack.clickhouse, f"SELECT {columns} FROM events WHERE {said} GROUP BY ALL"))


def test_the_tracker_is_small_and_comes_from_the_collector(shared: Stack) -> None:
    answer = httpx.get(f"{shared.collector}/warmth.js")
    assert answer.headers["content-type"].startswith("text/javascript")
    assert len(gzip.compress(answer.content, 9)) <= 3_000


def test_a_visit_through_faults_is_stored_once_event_by_event(shared: Stack, tmp_path: Path) -> None:
    with misbehaving(shared.collector) as (address, coming), site(tmp_path) as shop:
        visit = """
            warmth('product', {id: 'p-1', price: '12.50', currency: 'RUB'});
            warmth('identify', 'c-browser', {city: 'Kazan'});
            warmth('track', 'search_performed', {query: 'lamp'});
            setTimeout(() => document.dispatchEvent(new MouseEvent('click', {bubbles: true})), 1000);
            setTimeout(() => history.pushState({}, '', '/tea'), 3000);
            setTimeout(() => { location.href = '/second.html' }, 4000);
        """
        page(tmp_path, "first", address, visit)
        page(tmp_path, "second", address, "")
        browse(tmp_path / "profile", f"{shop}/first.html", 9)
        browse(tmp_path / "profile", f"{shop}/second.html", 5)
        assert coming == [], "not every fault has happened"
    pages = "page_path IN ('/first.html', '/tea', '/second.html')"
    ((visitor,),) = stored(shared, "anonymous_id", pages)
    found = {kind: (count, ids) for kind, count, ids in stored(shared, where=f"anonymous_id = '{visitor}'")}
    views, pings = found.pop("page_viewed"), found.pop("page_pinged")
    assert views[0] == views[1] >= 3
    assert pings[0] == pings[1] >= 1
    assert found == {"customer_identified": (1, 1), "product_viewed": (1, 1), "search_performed": (1, 1)}
    ((key,),) = stored(shared, "customer_key", f"type = 'customer_identified' AND anonymous_id = '{visitor}'")
    assert key == "c-browser"
    assert len(stored(shared, "page_path", f"type = 'page_viewed' AND {pages}")) == 3


def test_what_the_page_for_sites_without_a_tracker_says(shared: Stack, tmp_path: Path) -> None:
    (snippet,) = re.findall(r"```html\n(.*?)```", MANUAL.read_text(), re.DOTALL)
    calls = re.findall(r"^\| `(warmth\([^`]*\))`", MANUAL.read_text(), re.MULTILINE)
    assert [call.split("'")[1] for call in calls] == ["page", "product", "track", "identify", "consent", "reset"]
    head = snippet.replace("https://collector.example", shared.collector).replace("KEY", "k")
    (tmp_path / "manual.html").write_text(f"<!DOCTYPE html><head>{head}</head><script>{'; '.join(calls)}</script>")
    with site(tmp_path) as shop:
        browse(tmp_path / "profile", f"{shop}/manual.html", 5)
    ((visitor,),) = stored(shared, "anonymous_id", "type = 'page_viewed' AND page_path = '/manual.html'")
    kinds = dict(stored(shared, "type, count()", f"anonymous_id = '{visitor}'"))
    assert kinds == {"page_viewed": 2, "product_viewed": 1, "search_performed": 1, "customer_identified": 1}


def test_without_consent_nothing_is_stored_or_sent(shared: Stack, tmp_path: Path) -> None:
    told = "<script>setTimeout(() => { document.title = 'kept: ' + JSON.stringify(localStorage) }, 5000)</script>"
    with site(tmp_path) as shop:
        required = 'data-consent="required"'
        page(tmp_path, "asked", shared.collector, "warmth('track', 'app_opened', {version: 'no'})", required)
        with (tmp_path / "asked.html").open("a") as file:
            file.write(told)
        assert "kept: {}" in browse(tmp_path / "profile", f"{shop}/asked.html", 7)
        page(tmp_path, "given", shared.collector, "warmth('consent', true)", required)
        browse(tmp_path / "profile", f"{shop}/given.html", 7)
        taken_back = "warmth('consent', false); warmth('track', 'app_opened', {version: 'no'})"
        page(tmp_path, "back", shared.collector, taken_back, required + ' data-auto="off"')
        with (tmp_path / "back.html").open("a") as file:
            file.write(told)
        assert re.search(
            r'kept: \{"warmth":"\{.*consent.*false.*\}"\}', browse(tmp_path / "profile", f"{shop}/back.html", 7)
        )
    assert stored(shared, "event_id", "type = 'app_opened'") == []
    viewed = "type = 'page_viewed' AND endsWith(page_path, '/given.html')"
    assert len(stored(shared, "event_id", viewed)) == 1
    assert stored(shared, "event_id", "endsWith(page_path, '/asked.html') OR endsWith(page_path, '/back.html')") == []


@needs_node
def test_segments_own_tracker_for_browsers(shared: Stack, node: Path, tmp_path: Path) -> None:  # noqa: F811
    shutil.copy(node / "node_modules/@segment/analytics-next/dist/umd/standalone.js", tmp_path / "segment.js")
    for chunk in (node / "node_modules/@segment/analytics-next/dist/umd").glob("*.js"):
        shutil.copy(chunk, tmp_path)
    umd = "index.js"
    script = f"""<!DOCTYPE html><title>shop</title><script src="/{umd}"></script><script>
        const analytics = AnalyticsNext.AnalyticsBrowser.load({{writeKey: 'k', cdnURL: '{shared.collector}'}},
            {{integrations: {{'Segment.io': {{protocol: 'http', apiHost: '{shared.collector.removeprefix("http://")}/v1'}}}}}});
        analytics.page('Tea', {{url: 'https://shop.example/next'}});
        analytics.identify('u-next', {{city: 'Kazan'}});
        analytics.track('Product Viewed', {{product_id: 'p-9'}});
    </script>"""
    (tmp_path / "index.html").write_text(script)
    with site(tmp_path) as shop:
        browse(tmp_path / "profile", f"{shop}/index.html", 5)
    shared.wait_until_read()
    kinds = query(
        shared.clickhouse,
        "SELECT type, count() FROM events WHERE customer_key = 'u-next' GROUP BY ALL ORDER BY 1",
    )
    rows = dict(kinds)
    assert rows["customer_identified"] == rows["product_viewed"] == 1

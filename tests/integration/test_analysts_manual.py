"""docs/analysts.md: its commands and queries are run on the demo's events, and its segment gets the members it promises."""

import json
import re
import shutil
import time
from pathlib import Path

import orjson
import pytest

from sinks.reading import Reader
from sinks.settings import SinkSettings
from tests.support.clients import produce
from tests.support.manual import ROOT, run
from tests.support.stack import Stack
from tests.support.warehouse import demo

BLOCKS = re.compile(r"```(sh|sql|text|yaml)\n(.*?)```", re.DOTALL)
PAGE = (ROOT / "docs" / "analysts.md").read_text(encoding="utf-8")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("broker", [pytest.param("embedded", marks=pytest.mark.embedded)])
async def test_every_command_and_query_works(stack: Stack, tmp_path: Path) -> None:
    sent = [one for one in demo(time.time()) if int(one.event.get("customer_id", "hh-0")[3:]) < 60]
    await produce(stack.kafka, [(one.topic, None, orjson.dumps(one.event)) for one in sent])
    stack.wait_until_read()
    shutil.copytree(ROOT / "rules", tmp_path / "rules")
    settings = SinkSettings(clickhouse_url=stack.clickhouse)
    ran, said, expected = 0, "", -1
    with Reader(settings) as reader:
        for language, block in BLOCKS.findall(PAGE):
            if language == "yaml":
                (name,) = re.findall(r"# (wish/\S+)\n", block)
                (tmp_path / name).write_text(block, encoding="utf-8")
            elif language == "text":
                assert block.split() == said.splitlines()[0].split()
            elif language == "sql":
                rows = reader.rows(block)
                assert rows, block
                expected = rows[0][0] if "AS customers FROM customers" in block else expected
                ran += 1
            else:
                for command in block.strip().splitlines():
                    said = run(command.replace("DIR", str(stack.folder)), tmp_path, check=True)
                    ran += 1
                    if "publish" in command:
                        stack.wait_until_quiet()
    assert ran > 20
    assert expected > 0
    listed = json.loads(run(f"warmth segments list --json --data {stack.folder}", tmp_path, check=True))
    mine = next(one for one in listed if one["segment"] == "loyal_and_waiting")
    assert mine["members"] == expected
    assert (tmp_path / "rfm.csv").read_text().startswith('"currency","recency"')
    assert (tmp_path / "rfm.parquet").read_bytes()[:4] == b"PAR1"
    assert (tmp_path / "report.html").stat().st_size > 10_000

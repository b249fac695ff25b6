"""Every panel of the dashboards that read ClickHouse, asked as Grafana would ask it."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.grafana import as_grafana_sends
from tests.support.house import House

TOP = Path(__file__).parents[2] / "deploy" / "grafana"
DASHBOARDS = {path.stem: json.loads(path.read_text()) for path in sorted((TOP / "dashboards").glob("*.json"))}
SOURCE = yaml.safe_load((TOP / "provisioning/datasources/clickhouse.yml").read_text())["datasources"][0]
ASKED = {"type": SOURCE["type"], "uid": SOURCE["uid"]}
PANELS = [
    pytest.param(panel, id=f"{name}: {panel['title']}")
    for name, board in DASHBOARDS.items()
    for panel in board["panels"]
    if panel["datasource"] == ASKED
]
EMPTY = {"Valuable and unhappy", "Carts without an order"}
"""Panels that may show nobody."""


def test_each_department_has_a_dashboard_and_so_have_operators() -> None:
    assert DASHBOARDS.keys() == {"marketing", "sales", "service", "data", "warmth"}
    uids = [board["uid"] for board in DASHBOARDS.values()]
    assert len(set(uids)) == len(uids)
    for board in DASHBOARDS.values():
        assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


@pytest.mark.embedded
@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_has_an_answer(house: House, panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        assert target["datasource"] == ASKED
        sql = as_grafana_sends(target["rawSql"])
        assert "$" not in sql
        answer = house.reader.ask(sql)
        assert answer.rows or panel["title"] in EMPTY
        if panel["type"] == "timeseries" and answer.rows:
            assert answer.columns[0] == "time"
            assert isinstance(answer.rows[0][-1], (int, float))
            assert [row[0] for row in answer.rows] == sorted(row[0] for row in answer.rows)
        if panel["type"] == "barchart":
            assert panel["options"]["xField"] in answer.columns


def test_panels_do_not_overlap() -> None:
    for name, board in DASHBOARDS.items():
        taken: set[tuple[int, int]] = set()
        for panel in board["panels"]:
            at = panel["gridPos"]
            cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
            assert at["x"] + at["w"] <= 24
            assert not cells & taken, (name, panel["title"])
            taken |= cells

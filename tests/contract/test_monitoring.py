"""Alerts and dashboard agree with what the workers export; `make alerts` runs the alerts' own tests."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry, ProcessCollector

from agents.status import TABLES
from collector import metrics as edge_metrics
from sinks.upserts import DEAD_LETTERS, PROFILES
from streams import metrics
from tests.contract.test_servers import SERVICES, WORKERS

TOP = Path(__file__).parents[2]
RUNBOOK = (TOP / "docs/runbook.md").read_text()
SCRAPE = yaml.safe_load((TOP / "deploy/prometheus/prometheus.yml").read_text())
GROUPS = yaml.safe_load((TOP / "deploy/prometheus/alerts.yml").read_text())["groups"]
ALERTS: list[dict[str, Any]] = [rule for group in GROUPS for rule in group["rules"]]
ALERT_TESTS = [
    check
    for test in yaml.safe_load((TOP / "deploy/prometheus/alerts_test.yml").read_text())["tests"]
    for check in test["alert_rule_test"]
]
DATASOURCES = yaml.safe_load((TOP / "deploy/grafana/provisioning/datasources/prometheus.yml").read_text())["datasources"]
PROVIDERS = yaml.safe_load((TOP / "deploy/grafana/provisioning/dashboards/warmth.yml").read_text())["providers"]
DASHBOARD = json.loads((TOP / "deploy/grafana/dashboards/warmth.json").read_text())
PANELS = DASHBOARD["panels"]
EXPRESSIONS = [rule["expr"] for rule in ALERTS] + [target["expr"] for panel in PANELS for target in panel["targets"]]

PROMQL = {
    "and",
    "bool",
    "changes",
    "deriv",
    "histogram_quantile",
    "increase",
    "max",
    "min",
    "on",
    "or",
    "rate",
    "sum",
    "time",
}
NO_METRIC = re.compile(r'"[^"]*"|\{[^}]*\}|\[[^\]]*\]|\b(?:by|without|on)\s*\([^)]*\)')


def metrics_of(expression: str) -> set[str]:
    """Every name in a PromQL expression that is neither a label nor a word of the language."""
    return set(re.findall(r"[A-Za-z_:][\w:]*", NO_METRIC.sub(" ", expression))) - PROMQL


def known_metrics() -> set[str]:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    of_process = {sample.name for metric in registry.collect() for sample in metric.samples}
    of_histograms = {f"{name}_{part}" for name in metrics.NAMES for part in ("bucket", "sum", "count")}
    return {"up"} | of_process | of_histograms | set(metrics.NAMES) | edge_metrics.NAMES


def test_prometheus_asks_each_worker_where_it_answers() -> None:
    asked = [target for job in SCRAPE["scrape_configs"] for static in job["static_configs"] for target in static["targets"]]
    answering = [f"{name}:{service['environment']['WARMTH_METRICS_PORT']}" for name, service in WORKERS.items()]
    collector = f"collector:{SERVICES['collector']['environment']['WARMTH_COLLECTOR_PORT']}"
    assert sorted(asked) == sorted([*answering, collector])
    assert {job["job_name"] for job in SCRAPE["scrape_configs"]} == {"scorer", "loader", "collector"}
    assert all((TOP / "deploy/prometheus" / file).exists() for file in SCRAPE["rule_files"])


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_names_metrics_that_exist(expression: str) -> None:
    assert metrics_of(expression)
    assert metrics_of(expression) <= known_metrics()


def test_metrics_are_found_among_functions_labels_and_ranges() -> None:
    expression = 'sum by (job) (rate(a_total{job=~"x|y"}[5m])) > 0.5 and on (job) b_seconds_count == 1'
    assert metrics_of(expression) == {"a_total", "b_seconds_count"}


def test_rows_are_counted_under_every_table_that_is_loaded() -> None:
    assert set(metrics.TABLES) == TABLES.keys()
    assert {PROFILES.name, DEAD_LETTERS.name} <= set(metrics.TABLES)


@pytest.mark.parametrize("rule", ALERTS, ids=[rule["alert"] for rule in ALERTS])
def test_an_alert_says_how_bad_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert rule["annotations"].keys() == {"summary", "action"}
    assert f"| {rule['alert']} |" in RUNBOOK


@pytest.mark.parametrize("rule", ALERTS, ids=[rule["alert"] for rule in ALERTS])
def test_an_alert_is_tested_firing_and_silent(rule: dict[str, Any]) -> None:
    expected = [check["exp_alerts"] for check in ALERT_TESTS if check["alertname"] == rule["alert"]]
    assert any(expected)
    assert not all(expected)


def test_the_runbook_and_the_tests_know_no_other_alerts() -> None:
    names = {rule["alert"] for rule in ALERTS}
    assert {check["alertname"] for check in ALERT_TESTS} == names
    section = RUNBOOK.split("## Alerts\n")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| ([A-Z]\w+) \|", section, re.MULTILINE)) == names


@pytest.mark.parametrize("name", sorted(metrics.NAMES))
def test_a_metric_is_shown_or_raises_an_alert(name: str) -> None:
    assert any(name in expression for expression in EXPRESSIONS)


@pytest.mark.parametrize("panel", PANELS, ids=[panel["title"] for panel in PANELS])
def test_a_panel_says_what_it_shows_from_a_datasource_that_exists(panel: dict[str, Any]) -> None:
    assert panel["title"]
    assert panel["description"]
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["datasource"]["uid"] in {datasource["uid"] for datasource in DATASOURCES}
    assert panel["targets"]
    assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])


def test_panels_have_ids_and_places_of_their_own() -> None:
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    places = [panel["gridPos"] for panel in PANELS]
    cells = [(x, y) for p in places for x in range(p["x"], p["x"] + p["w"]) for y in range(p["y"], p["y"] + p["h"])]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24


def test_grafana_finds_the_dashboard_where_compose_puts_it() -> None:
    mounted = [volume.split(":")[1] for volume in SERVICES["grafana"]["volumes"]]
    assert [provider["options"]["path"] for provider in PROVIDERS] == ["/var/lib/grafana/dashboards"]
    assert PROVIDERS[0]["options"]["path"] in mounted
    home = Path(SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert (TOP / "deploy/grafana/dashboards" / home.name).exists()

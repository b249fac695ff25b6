"""What runs on servers agrees with the code: compose, image, alerts and dashboard are parsed, never started."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from prometheus_client import CollectorRegistry, ProcessCollector
from typer.core import TyperCommand, TyperGroup

from agents import settings
from agents.cli import app
from streams import metrics

TOP = Path(__file__).parents[2]
COMPOSE_TEXT = (TOP / "docker-compose.yml").read_text()
DOCKERFILE = (TOP / "deploy/Dockerfile").read_text()
SERVICES: dict[str, Any] = yaml.safe_load(COMPOSE_TEXT)["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
WORKERS = {name: service for name, service in OURS.items() if service["command"][0] == "worker"}
DEPENDENCIES = [(name, *needed) for name, service in SERVICES.items() for needed in service.get("depends_on", {}).items()]
PUBLISHED = [(name, port) for name, service in SERVICES.items() for port in service.get("ports", [])]
VOLUMES = [(name, volume.split(":")[0]) for name, service in SERVICES.items() for volume in service.get("volumes", [])]
COPIES = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
COPIED = [source for sources in COPIES for source in sources.split()]

SCRAPE = yaml.safe_load((TOP / "deploy/prometheus/prometheus.yml").read_text())
ALERTS = [
    rule for group in yaml.safe_load((TOP / "deploy/prometheus/alerts.yml").read_text())["groups"] for rule in group["rules"]
]
DATASOURCES = yaml.safe_load((TOP / "deploy/grafana/provisioning/datasources/prometheus.yml").read_text())["datasources"]
PROVIDERS = yaml.safe_load((TOP / "deploy/grafana/provisioning/dashboards/warmth.yml").read_text())["providers"]
DASHBOARD = json.loads((TOP / "deploy/grafana/dashboards/warmth.json").read_text())
PANELS = DASHBOARD["panels"]
EXPRESSIONS = [rule["expr"] for rule in ALERTS] + [target["expr"] for panel in PANELS for target in panel["targets"]]

PROMQL = {"and", "changes", "histogram_quantile", "increase", "max", "on", "or", "rate", "sum", "unless"}
NO_METRIC = re.compile(r'"[^"]*"|\{[^}]*\}|\[[^\]]*\]|\b(?:by|without)\s*\([^)]*\)')


def a_parsed(arguments: list[str]) -> typer.Context:
    """The context that the command line makes of `arguments`; it fails as `warmth` itself would."""
    command: TyperCommand | TyperGroup = typer.main.get_command(app)
    rest = list(arguments)
    while isinstance(command, TyperGroup):
        name = rest.pop(0)
        found = command.get_command(typer.Context(command), name)
        assert found is not None, f"no command {name!r} in {arguments}"
        command = found
    return command.make_context("warmth", rest)


def metrics_of(expression: str) -> set[str]:
    """Every name in a PromQL expression that is neither a label nor a word of the language."""
    return set(re.findall(r"[A-Za-z_:][\w:]*", NO_METRIC.sub(" ", expression))) - PROMQL


def known_metrics() -> set[str]:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    of_process = {sample.name for metric in registry.collect() for sample in metric.samples}
    of_histograms = {f"{name}_{part}" for name in metrics.NAMES for part in ("bucket", "sum", "count")}
    return {"up"} | of_process | of_histograms | set(metrics.NAMES)


@pytest.mark.parametrize("name", [name for name in SERVICES if name not in OURS])
def test_a_foreign_image_is_pinned_to_a_release(name: str) -> None:
    assert re.fullmatch(r"[\w./-]+:v?\d+(\.\d+){2,3}", SERVICES[name]["image"])


@pytest.mark.parametrize(("name", "port"), PUBLISHED)
def test_a_port_is_open_to_this_machine_only(name: str, port: str) -> None:
    assert port.startswith("127.0.0.1:"), name


@pytest.mark.parametrize("name", OURS)
def test_a_command_is_one_that_the_command_line_knows(name: str) -> None:
    a_parsed(OURS[name]["command"])


def test_topics_tables_scorer_and_loader_each_have_a_service() -> None:
    commands = sorted(" ".join(service["command"]) for service in OURS.values())
    assert commands == ["migrate", "topics create", "worker loader", "worker scorer"]


@pytest.mark.parametrize("variable", sorted(set(re.findall(r"\bWARMTH_\w+", COMPOSE_TEXT + DOCKERFILE))))
def test_a_variable_is_a_known_setting(variable: str) -> None:
    assert variable in settings.known_variables()


@pytest.mark.parametrize("variable", re.findall(r"\$\{(\w*(?:PASSWORD|KEY)\w*)\b[^}]*\}", COMPOSE_TEXT))
def test_a_secret_comes_from_the_environment_with_a_local_default(variable: str) -> None:
    assert f"${{{variable}:-" in COMPOSE_TEXT


@pytest.mark.parametrize("name", SERVICES)
def test_no_secret_is_written_down(name: str) -> None:
    environment = SERVICES[name].get("environment", {})
    secrets = {key: value for key, value in environment.items() if re.search("PASSWORD|KEY", key)}
    assert all(value.startswith("${") for value in secrets.values()), secrets.keys()


@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_is_restarted_and_given_time_to_stop(name: str) -> None:
    assert WORKERS[name]["restart"] == "unless-stopped"
    assert "stop_grace_period" in WORKERS[name]


@pytest.mark.parametrize(("name", "needed", "how"), DEPENDENCIES)
def test_a_service_waits_for_something_that_can_come_true(name: str, needed: str, how: dict[str, str]) -> None:
    if how["condition"] == "service_healthy":
        assert "healthcheck" in SERVICES[needed], name
    else:
        assert how["condition"] == "service_completed_successfully", name
        assert "restart" not in SERVICES[needed], name


@pytest.mark.parametrize(("name", "source"), VOLUMES)
def test_a_volume_is_declared_or_lies_in_the_repository(name: str, source: str) -> None:
    declared = yaml.safe_load(COMPOSE_TEXT)["volumes"]
    assert (TOP / source).exists() if source.startswith("./") else source in declared, name


@pytest.mark.parametrize("source", COPIED)
def test_a_file_that_the_image_copies_exists_and_is_not_ignored(source: str) -> None:
    assert (TOP / source).exists()
    assert source not in (TOP / ".dockerignore").read_text().split()


def test_the_image_holds_every_package_but_the_benchmarks() -> None:
    project = tomllib.loads((TOP / "pyproject.toml").read_text())
    packages = {pattern.rstrip("*") for pattern in project["tool"]["setuptools"]["packages"]["find"]["include"]}
    assert packages - {"bench"} <= set(COPIED)


def test_the_image_starts_the_console_script_without_being_root() -> None:
    scripts = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]["scripts"]
    (entrypoint,) = re.findall(r"^ENTRYPOINT (.+)$", DOCKERFILE, re.MULTILINE)
    assert json.loads(entrypoint)[0] in scripts
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE) == ["warmth"]


def test_dependencies_are_checked_against_hashes_and_name_no_index() -> None:
    assert "--require-hashes" in DOCKERFILE
    assert "index-url" not in DOCKERFILE + (TOP / "requirements.lock").read_text()


def test_prometheus_asks_each_worker_where_it_answers() -> None:
    asked = [target for job in SCRAPE["scrape_configs"] for static in job["static_configs"] for target in static["targets"]]
    answering = [f"{name}:{service['environment']['WARMTH_METRICS_PORT']}" for name, service in WORKERS.items()]
    assert sorted(asked) == sorted(answering)
    assert all((TOP / "deploy/prometheus" / file).exists() for file in SCRAPE["rule_files"])


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_names_metrics_that_exist(expression: str) -> None:
    assert metrics_of(expression)
    assert metrics_of(expression) <= known_metrics()


def test_metrics_are_found_among_functions_labels_and_ranges() -> None:
    expression = 'sum by (job) (rate(a_total{job=~"x|y"}[5m])) > 0.5 unless b_seconds_count == 1'
    assert metrics_of(expression) == {"a_total", "b_seconds_count"}


@pytest.mark.parametrize("rule", ALERTS, ids=[rule["alert"] for rule in ALERTS])
def test_an_alert_says_how_bad_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert rule["annotations"].keys() == {"summary", "action"}


@pytest.mark.parametrize("panel", PANELS, ids=[panel["title"] for panel in PANELS])
def test_a_panel_has_a_title_a_unit_and_a_datasource_that_exists(panel: dict[str, Any]) -> None:
    uids = {datasource["uid"] for datasource in DATASOURCES}
    assert panel["title"]
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["datasource"]["uid"] in uids
    assert panel["targets"]
    assert all(target["datasource"]["uid"] in uids for target in panel["targets"])


def test_panels_have_ids_and_places_of_their_own() -> None:
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    assert len({(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in PANELS}) == len(PANELS)


def test_grafana_finds_the_dashboard_where_compose_puts_it() -> None:
    mounted = [volume.split(":")[1] for volume in SERVICES["grafana"]["volumes"]]
    assert [provider["options"]["path"] for provider in PROVIDERS] == ["/var/lib/grafana/dashboards"]
    assert PROVIDERS[0]["options"]["path"] in mounted
    home = Path(SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert (TOP / "deploy/grafana/dashboards" / home.name).exists()

"""What runs on servers agrees with the code: compose and image are parsed, never started."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from typer.core import TyperCommand, TyperGroup

from agents import settings
from agents.cli import app

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


@pytest.mark.parametrize("name", [name for name in SERVICES if name not in OURS])
def test_a_foreign_image_is_pinned_to_a_release(name: str) -> None:
    assert re.fullmatch(r"[\w./-]+:v?\d+(\.\d+){1,3}", SERVICES[name]["image"])


@pytest.mark.parametrize(("name", "port"), PUBLISHED)
def test_a_port_is_open_to_this_machine_only(name: str, port: str) -> None:
    assert port.startswith("127.0.0.1:"), name


@pytest.mark.parametrize("name", OURS)
def test_a_command_is_one_that_the_command_line_knows(name: str) -> None:
    a_parsed(OURS[name]["command"])


def test_topics_tables_collector_scorer_and_loader_each_have_a_service() -> None:
    commands = sorted(" ".join(service["command"]) for service in OURS.values())
    assert commands == ["collector", "migrate", "topics create", "worker loader", "worker scorer"]


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


@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_is_asked_whether_it_lives_where_it_answers(name: str) -> None:
    port = WORKERS[name]["environment"]["WARMTH_METRICS_PORT"]
    assert f"http://127.0.0.1:{port}/healthz" in WORKERS[name]["healthcheck"]["test"][-1]

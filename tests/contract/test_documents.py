"""What people read agrees with the code: settings, reason codes, commands, links."""

import re
from pathlib import Path

import pytest
import typer

from agents.cli import app
from agents.settings import known_variables
from schemas.reasons import DropCode, ReasonCode
from sinks.queries import read_queries

TOP = Path(__file__).parents[2]
PAGES = [TOP / "README.md", TOP / "CONTRIBUTING.md", *sorted((TOP / "docs").rglob("*.md"))]


def test_env_reference_lists_every_setting_and_no_other() -> None:
    lines = (TOP / ".env.reference").read_text().splitlines()
    listed = re.findall(r"^# (WARMTH_[A-Z_]+)=", "\n".join(lines), re.MULTILINE)
    assert sorted(listed) == sorted(known_variables())
    explained = [lines[number - 1] for number, line in enumerate(lines) if line.startswith("# WARMTH_")]
    assert all(line.startswith("# ") and len(line) > 5 for line in explained)


@pytest.mark.parametrize("code", [*ReasonCode, *DropCode])
def test_every_reason_has_a_line_in_the_runbook(code: str) -> None:
    assert f"| `{code}` |" in (TOP / "docs" / "runbook.md").read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_tests_that_a_page_names_exist(page: Path) -> None:
    for file, name in re.findall(r"`(tests/[a-z_/]+\.py)(?:::(test_\w+))?", page.read_text()):
        assert f"def {name}" in (TOP / file).read_text(), (file, name)


def test_commands_in_the_readme_exist() -> None:
    group = typer.main.get_command(app)
    used = set(re.findall(r"^(?:\.venv/bin/)?warmth ([a-z]+)", (TOP / "README.md").read_text(), re.MULTILINE))
    assert used
    assert used <= group.commands.keys()


def test_every_query_says_what_it_is_for() -> None:
    for query in read_queries().values():
        assert len(query.purpose) > 20
        assert {parameter.name for parameter in query.parameters} == set(re.findall(r"\{(\w+):", query.select)), query.name
        for parameter in query.parameters:
            assert f"{{{parameter.name}:{parameter.type}}}" in query.select, (query.name, parameter.name)

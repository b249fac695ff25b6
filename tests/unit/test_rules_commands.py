"""`warmth rules`: what scripts rely on, exit codes and JSON."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from agents.cli import app
from streams.settings import RULES_DIR


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return shutil.copytree(RULES_DIR, tmp_path / "rules")


def warmth(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["rules", *arguments])


def change(folder: Path, name: str, old: str, new: str) -> None:
    text = (folder / name).read_text(encoding="utf-8")
    assert old in text
    (folder / name).write_text(text.replace(old, new), encoding="utf-8")


def test_without_a_folder_the_settings_name_it() -> None:
    done = warmth("check")
    assert (done.exit_code, done.stdout) == (0, f"{RULES_DIR}: 26 rules can be used\n")


def test_errors_fail_and_are_the_same_in_json(copy: Path) -> None:
    change(copy, "fit.yaml", "role: [owner, director]", "role: [owner, directress]")
    done = warmth("check", str(copy), "--json")
    assert done.exit_code == 1
    (problem,) = json.loads(done.stdout)
    assert problem == {
        "file": "fit.yaml",
        "line": 12,
        "rule": "decides",
        "field": "when.role.one_of",
        "message": problem["message"],
        "warning": False,
    }
    said = warmth("check", str(copy)).stdout
    assert said == f"error: fit.yaml, line 12, rule decides: when.role.one_of: {problem['message']}\n"
    assert "'directress' never occurs; the field is one of owner, director," in said


def test_warnings_alone_do_not_fail(copy: Path) -> None:
    change(copy, "behaviour.yaml", "cap: {points: 12, per: day}", "cap: {points: 3, per: day}")
    done = warmth("check", str(copy))
    assert done.exit_code == 0
    first, last = done.stdout.splitlines()
    assert first.startswith("warning: behaviour.yaml, line 44, rule filled_cart: cap.points: is smaller than one grant")
    assert last.endswith("26 rules can be used")


def test_own_addresses_are_checked_too(copy: Path) -> None:
    change(copy, "traffic.yaml", "[]", "[here]")
    done = warmth("check", str(copy))
    assert done.exit_code == 1
    assert done.stdout.startswith("error: traffic.yaml, line 2: internal.0: 'here' does not appear to be an IPv4 or IPv6")


def test_of_own_addresses_that_the_edge_cuts_it_warns(copy: Path) -> None:
    change(copy, "traffic.yaml", "[]", "[198.51.100.7, 192.0.2.0/24, '2001:db8::/48', '2001:db8::/56']")
    done = warmth("check", str(copy))
    assert done.exit_code == 0
    first, second, last = done.stdout.splitlines()
    assert first.startswith("warning: traffic.yaml, line 2: internal.0: the edge cuts addresses to /24")
    assert second.startswith("warning: traffic.yaml, line 2: internal.3: the edge cuts addresses to /48")
    assert last.endswith("26 rules can be used")


def test_fixtures_that_do_not_hold_fail(copy: Path) -> None:
    assert warmth("test", str(copy)).exit_code == 0
    change(copy, "fit.yaml", "points: 20", "points: 30")
    done = warmth("test", str(copy))
    assert done.exit_code == 1
    assert "scores.fit.value: expected 42, is 52" in done.stdout
    results = json.loads(warmth("test", str(copy), "--json").stdout)
    assert len([result for result in results if result["differences"]]) == 2


def test_versions_are_compared(copy: Path) -> None:
    assert warmth("diff", str(RULES_DIR), str(copy)).stdout == "no difference\n"
    change(copy, "fit.yaml", "points: 20", "points: 30.5")
    done = warmth("diff", str(RULES_DIR), str(copy))
    assert (done.exit_code, done.stdout) == (0, "~ rule decides: points 20 → 30.5\n")
    (difference,) = json.loads(warmth("diff", str(RULES_DIR), str(copy), "--json").stdout)
    assert difference == {"kind": "rule", "name": "decides", "change": "changed", "fields": {"points": [20.0, 30.5]}}


def test_what_is_removed_is_said(copy: Path) -> None:
    (copy / "service.yaml").unlink()
    said = warmth("diff", str(RULES_DIR), str(copy)).stdout.splitlines()
    assert [line.partition(":")[0] for line in said] == [
        "- rule disliked_service", "- rule opened_urgent_ticket", "- rule praised_service",
    ]  # fmt: skip

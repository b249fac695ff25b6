"""Follows a page of docs/ that takes a reader through files and commands, and sees whether it tells the truth."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BLOCKS = re.compile(r"```(yaml|console|json|shell-session)\n(.*?)```", re.DOTALL)


def follow(page: str, folder: Path, data: Path | None = None) -> int:
    """Write the page's files, run its commands, assert that they print what it says; return how many were run.

    Args:
        page: Name of the page in docs/.
        folder: Where its files go, beside a copy of the shipped rules.
        data: Folder of a running stack, which stands for DIR in blocks of `shell-session`; without it these are left out.
    """
    shutil.copytree(ROOT / "rules", folder / "rules")
    executed = 0
    for language, block in BLOCKS.findall((ROOT / "docs" / page).read_text(encoding="utf-8")):
        if language in ("console", "shell-session"):
            for said in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                command, _, expected = said.partition("\n")
                if language == "shell-session" and data is None:
                    continue
                assert run(command.replace("DIR", str(data)), folder) == expected, command
                executed += 1
        else:
            name = re.match(r"# (wish/\S+)\n", block)
            file = name[1] if name else "events.jsonl"
            (folder / file).write_text(block, encoding="utf-8")
    return executed


def run(command: str, folder: Path, *, check: bool = False) -> str:
    """Run a command as a reader of a page would, in a folder; return what it prints."""
    programs = str(Path(sys.executable).parent)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WARMTH_")}
    environment |= {"PATH": f"{programs}:{os.environ['PATH']}", "COLUMNS": "200"}
    done = subprocess.run(  # the page is ours
        ["/bin/sh", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert not check or done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr

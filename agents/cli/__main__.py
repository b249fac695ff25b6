"""`python -m agents.cli` is `warmth`."""

from agents.cli import main

main()

"""Runs a Faust app as this process: logs, signals, exit codes."""

import logging
import sys
from typing import Any

import faust

_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"
_QUIET = ("aiokafka", "clickhouse_connect", "faust", "mode", "urllib3")
"""Libraries that report each retry: below ERROR they speak only when asked for with DEBUG or INFO."""


def configure_logging(level: str) -> None:
    """Log one line per message to stderr."""
    logging.basicConfig(level=level, format=_FORMAT, stream=sys.stderr, force=True)
    if level in ("WARNING", "ERROR"):
        for name in _QUIET:
            logging.getLogger(name).setLevel(logging.CRITICAL)


def run(app: faust.App, log_level: str) -> Any:
    """Run `app` until it is told to stop; SIGTERM and SIGINT commit what is folded and end with 0."""
    app.finalize()
    worker = faust.Worker(app, loglevel=None, logging_config=None, override_logging=False, quiet=True, loop=None)
    worker.spinner = None  # nobody watches it, and it writes into the log
    configure_logging(log_level)
    return worker.execute_from_commandline()

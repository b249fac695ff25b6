"""A worker that can not go on says so, and asks to be started again."""

import subprocess
import sys

PROGRAM = """
from agents.scorer import make_scorer
from streams import worker
from streams.health import Health
from streams.kafka.topics import TOPICS
from streams.settings import StreamSettings

settings = StreamSettings(kafka_bootstrap="127.0.0.1:1", hash_key="k", rules_dir="rules")
app = make_scorer(settings, {topic.name: "incarnation" for topic in TOPICS})
"""
RUN = 'worker.run(app, Health(), "WARNING")'
FAIL = """
import asyncio

async def fail():
    raise ValueError("a task has\\nfailed")

async def start():
    app.add_future(fail())
    await asyncio.sleep(30)

app.on_start = start
"""


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True, timeout=60)


def test_a_broker_that_goes_away_while_a_worker_starts() -> None:
    ended = run(PROGRAM + RUN)
    assert ended.returncode == 75
    assert "to be started again: the worker could not be started: KafkaConnectionError" in ended.stderr


def test_a_service_that_crashes() -> None:
    ended = run(PROGRAM + FAIL + RUN)
    assert ended.returncode == 75
    assert "a service has crashed: ValueError: a task has failed" in ended.stderr

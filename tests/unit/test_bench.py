"""The bench's job is one that can be compared, and its page is written where it says."""

import orjson
import pytest

from bench import report, timers
from bench.contender import Held, Job, Line, Run
from bench.contenders import FLOOR, PEERS, PLAIN, WARMTH
from bench.events import SOURCES, job_events, page_view, rating, topic_of
from bench.product import parameters, rules_folder
from core.value import compile_parameters
from streams.rules_files import read_rules
from streams.settings import RULES_DIR

RUN = Run("127.0.0.1:9092", "bench", 0, 1, dict.fromkeys(SOURCES, "0"), "report.json", "state")


def a_row(cost: float) -> dict:
    return {"events": 1, "cpu_us_per_event": cost, "cpu_us_lowest": cost, "cpu_us_highest": cost, "events_per_s": 1}


def some_figures() -> dict:
    millis = {"p50": 1.0, "p95": 2.0, "p99": 3.0, "max": 4.0}
    return {
        "machine": {"cores": 2},
        "jobs": {
            **{name: a_row(cost) for cost, name in enumerate((FLOOR, WARMTH, PLAIN, *PEERS.values(), "heart journey"), 1)},
            "full": {**a_row(7.0), "segments": 30},
        },
        "job": {"events": 1, "bytes_per_event": 1, "customers": 1, "rounds": 1, "outputs_compared": 1},
        "recovery_keys_per_s": 1,
        "recovery_keys_per_cpu_s": 1,
        "latency_ms": millis,
        "latency_ms_without_transactions": millis,
        "latency": {"events_per_s": 1, "cpu_us_per_event": 1.0},
        "latency_without_transactions": {"events_per_s": 1, "cpu_us_per_event": 1.0},
        "loader_cpu_us_per_row": 1.0,
        "bytes_per_customer": 1,
        "events_per_customer": 1.0,
        "encoded_bytes_mean": 1,
        "encoded_bytes_p99": 1,
        "held_bytes_mean": 1,
        "held_bytes_p99": 1,
        "timers": {"pending": 1_000_000, "mib": 1.0},
        "customers": {"1000": {**a_row(1.0), "recovery_keys_per_s": 1, "rss_mib": 1}},
        "workers": {"1": a_row(1.0)},
    }


def test_a_customer_stays_on_one_topic():
    topics = {}
    for event in job_events(2_000, 100):
        assert topics.setdefault(event.key, event.topic) == event.topic
    assert set(topics.values()) == set(SOURCES)


def test_the_contract_accepts_every_event():
    latency = [page_view(1, 0), rating(2, 19, 5)]
    job, profiles = Job(RUN), Held()
    for offset, event in enumerate([*job_events(500, 60), *latency]):
        said = job.step(event.topic, 0, Line(offset, event.key, event.value, 1_790_000_000_000), profiles)
        assert said.key == event.key
    assert {key for key, _ in profiles.take_changed()} >= {event.key for event in latency}


def test_ratings_cross_a_band_each_time():
    assert topic_of(19) == "support-ticket"
    job, profiles = Job(RUN), Held()
    bands = []
    for number, stars in enumerate((5, 1, 5, 1)):
        event = rating(number, 19, stars)
        said = job.step(event.topic, 0, Line(number, event.key, event.value, 1_790_000_000_000), profiles)
        bands += [orjson.loads(change)["new_band"] for change in said.changes]
    assert bands == ["warm", "cold", "warm", "cold"]


def test_tables_stand_between_the_comments():
    text = report.tables(some_figures())
    page = report.inserted(f"above\n{report.BEGIN}\nold\n{report.END}\nbelow\n", text)
    assert page.startswith("above\n")
    assert page.endswith("\nbelow\n")
    assert "old" not in page
    assert "| **Warmth** | 2.0 | 2.0 to 2.0 | 1 | 1.00 |" in page
    assert f"| {FLOOR} | 1.0 |" in page
    assert report.inserted(page, text) == page


def test_the_full_product_is_what_the_bar_names():
    with rules_folder() as folder:
        rules, shipped = read_rules(folder), read_rules(RULES_DIR)
    assert len(rules.segments.ordered) >= 30
    assert rules.by_event.keys() == shipped.by_event.keys()
    assert {segment.name for segment in shipped.segments.ordered} < {segment.name for segment in rules.segments.ordered}
    assert compile_parameters(parameters("EUR")).purchases.r == 0.243


def test_a_million_timers_are_set_in_a_process_of_their_own():
    assert timers.measure(1_000)["timers"]["pending"] == 1_000


def test_a_page_without_the_comments_is_refused():
    with pytest.raises(ValueError, match="needs the comments"):
        report.inserted("nothing", "")


def test_the_page_of_the_project_has_the_comments():
    assert report.BEGIN in report.PAGE.read_text(encoding="utf-8")

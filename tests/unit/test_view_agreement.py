"""What a profile shows of windows is what the reference counts, over a generated workload."""

from core.times import DAY, iso, micros
from core.view import view
from streams.settings import RULES_DIR
from streams.traffic_files import read_traffic
from tests.reference.generator import records
from tests.reference.judge import Judge
from tests.unit.pipeline import ARecord, Pipeline
from tests.unit.test_agreement import LOADED, RULES


def test_windows_count_what_the_reference_counts() -> None:
    plan = {name: frozenset(properties) for name, properties in LOADED["plan"].items()}
    flow = Pipeline(RULES, traffic=read_traffic(RULES_DIR), max_bytes=100_000, hash_key=b"warmth", plan=plan)
    judge, counted = Judge(LOADED), 0
    for offset, (topic, _, value, received) in enumerate(records(3, 3_000, 80)):
        judge.feed(topic, value, received, f"{topic}:i1:0:{offset}")
        flow.advance(topic, ARecord(offset, value, timestamp=received))
    for key, state in flow.profiles.items():
        for days in (0, 1, 7):
            profile = view(key, state, RULES, (state.last_seen_at or 0) + days * DAY)
            for name, (count, falls_at) in judge.windows(key, micros(profile.as_of) / 1000).items():
                shown = profile.windows[name]
                assert shown.count == count, (key, name)
                assert (None if shown.next_drop is None else iso(micros(shown.next_drop))) == (
                    None if falls_at is None else iso(falls_at * 1000)
                ), (key, name)
                counted += count
    assert counted > 100

"""Topics as plain data: names, cleanup, sizes. See the design, section 3."""

from typing import Final, NamedTuple

from schemas.registry import INPUT_TOPICS

_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * _HOUR_MS
COMMANDS: Final = "warmth-command"
ENRICHED: Final = "enriched-event"
SCORE_CHANGES: Final = "score-change"
SEGMENT_CHANGES: Final = "segment-change"
AUDIENCE: Final = "audience"
DEAD_LETTERS: Final = "dead-letter"
CONTROL: Final = "warmth-control"
RULES: Final = "warmth-rules"
PARAMETERS: Final = "warmth-parameters"
SCORER: Final = "warmth-scorer"
LOADER: Final = "warmth-loader"
CHANGELOG: Final = f"{SCORER}-profiles-changelog"
SCORED: Final = (*INPUT_TOPICS, COMMANDS)
"""Topics that every scorer subscribes to, always all of them."""
LARGEST_RECORD_BYTES: Final = 8 * 1024 * 1024
SEQ_HEADER: Final = "seq"
"""Header of a tombstone in the changelog: the `seq` that it stands for, which a value carries in itself."""


class Topic(NamedTuple):
    """A topic as it is created; `partitions` is None where it follows the setting."""

    name: str
    config: dict[str, str]
    partitions: int | None = None


def _kept(name: str, days: int) -> Topic:
    return Topic(name, {"cleanup.policy": "delete", "retention.ms": str(days * _DAY_MS)})


def _input(name: str, days: int) -> Topic:
    """An input takes records of 4 MiB, so that what is too large ends as a dead letter and not in a producer's log."""
    kept = _kept(name, days)
    return kept._replace(
        config={
            **kept.config,
            "message.timestamp.type": "LogAppendTime",
            "max.message.bytes": str(LARGEST_RECORD_BYTES // 2),
        }
    )


def _compacted(name: str, partitions: int | None = None, **config: str) -> Topic:
    return Topic(
        name, {"cleanup.policy": "compact", **{key.replace("_", "."): value for key, value in config.items()}}, partitions
    )


def _large(topic: Topic) -> Topic:
    return topic._replace(config={**topic.config, "max.message.bytes": str(LARGEST_RECORD_BYTES)})


TOPICS: Final = (
    _input("site-interaction", 7),
    _input("purchase", 30),
    _input("support-ticket", 30),
    _input("customer", 30),
    _input("consent", 30),
    _large(_kept(COMMANDS, 30)),
    _large(_kept(ENRICHED, 7)),
    _kept(SCORE_CHANGES, 7),
    _kept(SEGMENT_CHANGES, 7),
    _compacted(AUDIENCE, max_compaction_lag_ms=str(_DAY_MS)),
    _large(_kept(DEAD_LETTERS, 30)),
    _large(_compacted(RULES, 1)),
    _compacted(PARAMETERS, 1),
    _compacted(CONTROL, 1),
    _large(_compacted(CHANGELOG, min_compaction_lag_ms=str(_HOUR_MS), max_compaction_lag_ms=str(_DAY_MS))),
)
"""Every topic of Warmth."""

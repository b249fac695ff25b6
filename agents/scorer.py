"""Composition root of the scorer: app, table, rules, six agents."""

import faust

from agents import (
    apply_commands,
    score_consents,
    score_customers,
    score_interactions,
    score_purchases,
    score_tickets,
)
from agents.scoring import Scoring
from core.journey import Settings
from streams.app import scorer_app, slice_topic
from streams.kafka.partitions import partitioner
from streams.kafka.topics import COMMANDS, SCORED
from streams.rules_files import read_plan, read_rules
from streams.settings import StreamSettings

_AGENTS = {
    "site-interaction": score_interactions,
    "purchase": score_purchases,
    "support-ticket": score_tickets,
    "customer": score_customers,
    "consent": score_consents,
    COMMANDS: apply_commands,
}


def journey_settings(settings: StreamSettings) -> Settings:
    """Return what `core.journey` needs to know of this installation."""
    return Settings(
        settings.event_max_bytes,
        settings.hash_key.get_secret_value().encode(),
        read_plan(settings.rules_dir),
        partitioner(settings.partitions),
    )


def make_scorer(settings: StreamSettings, incarnations: dict[str, str]) -> faust.App:
    """Return the scorer, ready to run.

    Args:
        settings: Kafka, epochs, rules.
        incarnations: Incarnation of every topic, from `warmth-control`.
    """
    app, profiles = scorer_app(settings, incarnations)
    sources = {topic: incarnations[topic] for topic in SCORED}
    scoring = Scoring(profiles, read_rules(settings.rules_dir), journey_settings(settings), sources)
    for topic in SCORED:
        _AGENTS[topic].register(app, slice_topic(app, topic), scoring)
    app.task(scoring.close_quiet_partitions)
    return app

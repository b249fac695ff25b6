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
from agents.adopting import Adopting
from agents.lookups import Lookups
from agents.rulebook import FOLLOWED, Rulebook
from agents.scoring import Scoring
from agents.ticking import Ticking
from streams.app import scorer_app, slice_topic
from streams.kafka.compacted import Follower
from streams.kafka.topics import COMMANDS, SCORED
from streams.settings import StreamSettings
from streams.vault.letters import LetterSealer
from streams.vault.vault import vault_of

_AGENTS = {
    "site-interaction": score_interactions,
    "purchase": score_purchases,
    "support-ticket": score_tickets,
    "customer": score_customers,
    "consent": score_consents,
    COMMANDS: apply_commands,
}


def make_scorer(settings: StreamSettings, incarnations: dict[str, str]) -> faust.App:
    """Return the scorer, ready to run.

    Args:
        settings: Kafka, epochs, rules.
        incarnations: Incarnation of every topic, from `warmth-control`.
    """
    app, profiles = scorer_app(settings, incarnations)
    sealer = LetterSealer(vault_of(settings))
    scoring = Scoring(profiles, Rulebook(settings), {topic: incarnations[topic] for topic in SCORED}, sealer)
    follower = Follower(settings.kafka_bootstrap, FOLLOWED, scoring.take)
    profiles.epochs.before_owning.append(follower.catch_up)
    for topic in SCORED:
        _AGENTS[topic].register(app, slice_topic(app, topic), scoring)
    app.task(follower.run)
    app.task(sealer.run)
    app.task(scoring.close_quiet_partitions)
    app.task(Ticking(app, profiles.epochs, scoring).run)
    app.task(Adopting(profiles.epochs, scoring).run)
    app.task(Lookups(settings, profiles, scoring).run)
    return app

"""Reads the settings from the environment; an unknown `WARMTH_…` is refused with the nearest known name."""

import os
from typing import NamedTuple

from pydantic import ValidationError

from collector.settings import CollectorSettings
from core.names import nearest
from sinks.settings import SinkSettings
from streams.settings import PREFIX, StreamSettings


class SettingsError(Exception):
    """A setting can not be used; the message names it and says what to do."""


class AllSettings(NamedTuple):
    """The settings of every shell folder; the collector reads its own."""

    streams: StreamSettings
    sinks: SinkSettings


def known_variables() -> frozenset[str]:
    """Return the names of all environment variables that are settings."""
    models = (StreamSettings, SinkSettings, CollectorSettings)
    return frozenset(PREFIX + name.upper() for model in models for name in model.model_fields)


def read_settings() -> AllSettings:
    """Return the settings that the environment tells.

    Raises:
        SettingsError: A variable is unknown, or its value is none that the setting can have.
    """
    known = known_variables()
    for name in sorted(os.environ):
        if name.upper().startswith(PREFIX) and name not in known:
            raise SettingsError(f"{name} is no setting{nearest(name.upper(), known, cutoff=0)}")
    try:
        CollectorSettings()
        return AllSettings(StreamSettings(), SinkSettings())
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise SettingsError(f"{PREFIX}{str(first['loc'][0]).upper()}: {first['msg']}") from None

"""Fits the value model to purchases, from a file or from ClickHouse; needs scipy, so only `warmth fit` imports the rest."""


class FitError(Exception):
    """The model can not be fitted; the message says why and what to do."""

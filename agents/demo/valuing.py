"""The demo's value model: fitted to what was loaded and published, as `warmth fit --publish` does."""

import asyncio
from datetime import UTC, datetime
from typing import Final

from agents.fitting import FitError
from agents.fitting.estimates import fit
from agents.fitting.warehouse import read_warehouse
from agents.parameters import publish
from agents.rulebook import read_rulebook
from agents.settings import AllSettings
from schemas.parameters import Parameters
from sinks.reading import Reader

_LOOK_SECS: Final = 0.25
_LOOKS: Final = 120
_OTHERS: Final = "SELECT count() FROM profiles_now WHERE JSONExtractString(state, 'judged_by') != {judgement:String}"


async def value_customers(settings: AllSettings) -> Parameters | None:
    """Fit and publish the parameters; return None where the purchases are too few for a fit.

    Returns once all profiles in ClickHouse are judged by them, or after half a minute.
    """
    try:
        with Reader(settings.sinks) as reader:
            fitted = fit(read_warehouse(reader, None, None), datetime.now(UTC)).parameters
    except FitError:
        return None
    await publish(settings.streams.kafka_bootstrap, fitted)
    await _taken_up(settings)
    return fitted


async def _taken_up(settings: AllSettings) -> None:
    judgement = (await read_rulebook(settings.streams)).present.rules.judgement
    with Reader(settings.sinks) as reader:
        for _ in range(_LOOKS):
            if not reader.rows(_OTHERS, {"judgement": judgement})[0][0]:
                return
            await asyncio.sleep(_LOOK_SECS)


def told(fitted: Parameters) -> str:
    """Return what was found, in a line or two."""
    bgnbd, amounts = fitted.bgnbd, fitted.gamma_gamma
    said = (
        f"Value model, fitted to {fitted.transactions:,} purchase days of {fitted.customers:,} customers and published: "
        f"r {bgnbd.r:.3g}, alpha {bgnbd.alpha:.3g} {fitted.unit}, a {bgnbd.a:.3g}, b {bgnbd.b:.3g}"
    )
    return said if amounts is None else f"{said}; p {amounts.p:.3g}, q {amounts.q:.3g}, v {amounts.v:.3g} {amounts.currency}"

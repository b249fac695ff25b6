"""`warmth fit`: parameters of the value model."""

import asyncio
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from agents.cli.addresses import Data, Json, settings_of
from agents.parameters import publish
from agents.settings import AllSettings
from schemas.parameters import Parameters, Spans
from sinks.reading import Reader
from streams.kafka.admin import check_topics

if TYPE_CHECKING:
    from agents.fitting.histories import Histories


class Unit(StrEnum):
    """Time units to print in."""

    DAYS = "days"
    WEEKS = "weeks"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: warmth fit --data /tmp/warmth --publish")(fit)


def fit(  # noqa: PLR0913  # options of a command
    *,
    transactions: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, readable=True, help="CSV: customer_id, occurred_at, amount."),
    ] = None,
    until: Annotated[str | None, typer.Option(help="Last day that counts; left out, that of the last purchase.")] = None,
    currency: Annotated[
        str | None, typer.Option(help="Currency of amounts; left out, the one with the most purchases.")
    ] = None,
    unit: Annotated[Unit, typer.Option(help="Time unit of alpha.")] = Unit.DAYS,
    active_days: Annotated[int, typer.Option(min=1, max=36_500, help="Active until so long after a purchase.")] = 90,
    inactive_days: Annotated[int, typer.Option(min=1, max=36_500, help="Inactive from then on; defecting between.")] = 365,
    publish_: Annotated[bool, typer.Option("--publish", help="Let all workers use them from now on.")] = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Fit the value model to all purchases: how often customers buy, when they leave, what they spend.

    Purchases come from ClickHouse, or from a file. See docs/value.md for what the parameters mean.
    """
    last = None if until is None else _date(until)
    if inactive_days < active_days:
        raise typer.BadParameter("must not be below --active-days", param_hint="--inactive-days")
    settings = settings_of(data)
    fitted = _fitted(settings, transactions, last, currency, weeks=unit is Unit.WEEKS)
    parameters = fitted.model_copy(update={"spans": Spans(active_days=active_days, inactive_days=inactive_days)})
    if publish_:
        asyncio.run(_publish(settings, parameters))
    typer.echo(parameters.model_dump_json() if as_json else _table(parameters, published=publish_))


def _fitted(
    settings: AllSettings, transactions: Path | None, until: date | None, currency: str | None, *, weeks: bool
) -> Parameters:
    console = Console(stderr=True)
    with console.status("loading the numerical library") as status:
        from agents.fitting import estimates  # noqa: PLC0415  # scipy takes a second: other commands must not pay for it

        status.update("reading purchases")
        histories = _histories(settings, transactions, until, currency)
        status.update(f"fitting {len(histories.repeats):,} customers")
        fitted = estimates.fit(histories, datetime.now(UTC))
    for remark in fitted.remarks:
        console.print(f"warmth: {remark}", soft_wrap=True)
    return estimates.in_weeks(fitted.parameters) if weeks else fitted.parameters


def _histories(settings: AllSettings, transactions: Path | None, until: date | None, currency: str | None) -> "Histories":
    if transactions is not None:
        from agents.fitting.histories import read_file  # noqa: PLC0415

        return read_file(transactions, until, currency)
    from agents.fitting.warehouse import read_warehouse  # noqa: PLC0415

    with Reader(settings.sinks) as reader:
        return read_warehouse(reader, until, currency)


async def _publish(settings: AllSettings, parameters: Parameters) -> None:
    await check_topics(settings.streams.kafka_bootstrap, settings.streams.partitions)
    await publish(settings.streams.kafka_bootstrap, parameters)


def _table(parameters: Parameters, *, published: bool) -> str:
    bgnbd, amounts, rfm = parameters.bgnbd, parameters.gamma_gamma, parameters.rfm
    lines = [
        f"purchases   r {bgnbd.r:.4f}   alpha {bgnbd.alpha:.4f} {parameters.unit}   a {bgnbd.a:.4f}   b {bgnbd.b:.4f}",
        f"            log-likelihood {parameters.log_likelihood:,.2f}, "
        f"{parameters.customers:,} customers, {parameters.transactions:,} purchase days",
    ]
    if amounts is not None:
        lines.append(f"amounts     p {amounts.p:.4f}   q {amounts.q:.4f}   v {amounts.v:.4f} {amounts.currency}")
    if rfm is not None:
        lines += [
            f"{name:<11} {'   '.join(f'{edge:g}' for edge in edges)}"
            for name, edges in (("recency", rfm.recency_days), ("frequency", rfm.frequency), ("monetary", rfm.monetary))
        ]
    lines.append(f"version     {parameters.version}{', published' if published else ''}")
    return "\n".join(lines)


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("must be a date, such as 2026-11-21", param_hint="--until") from None

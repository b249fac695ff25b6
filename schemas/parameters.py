"""The fitted value model: topic `warmth-parameters`, `warmth fit`, `warmth score --parameters`."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from schemas.fields import Contract, Currency, Instant, Sequence, field

Shape = Annotated[float, Field(ge=1e-6, le=1e6)]
Scale = Annotated[float, Field(ge=1e-12, le=1e12)]
Days = Annotated[int, Field(ge=1, le=36_500)]
Edges = Annotated[list[Annotated[float, Field(ge=0, le=1e15)]], Field(min_length=4, max_length=4)]
"""Four edges between five quintiles, never falling."""


class BgNbd(Contract):
    """How often customers buy, and how they stop: Fader, Hardie and Lee 2005."""

    r: Shape = field("Shape of the purchase rates.")
    alpha: Scale = field("Scale of the purchase rates.", unit="the time unit")
    a: Shape = field("First shape of the chance to leave after a purchase.")
    b: Shape = field("Second shape of the chance to leave.")


class GammaGamma(Contract):
    """What a purchase day is worth: Fader and Hardie 2013."""

    p: Shape = field("Shape of the values of one customer.")
    q: Annotated[float, Field(gt=1, le=1e6)] = field("Shape of all customers' scales; above 1, so that there is a mean.")
    v: Scale = field("Scale of the scales.", unit="the currency")
    currency: Currency = field("Currency it was fitted on.")


class RfmEdges(Contract):
    """The 20th, 40th, 60th and 80th percentile of customers."""

    recency_days: Edges = field("Days since the last purchase.", unit="days")
    frequency: Edges = field("Orders.")
    monetary: Edges = field("Revenue less refunds.", unit="the currency")
    currency: Currency = field("Currency of the revenue.")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for name in ("recency_days", "frequency", "monetary"):
            edges = getattr(self, name)
            if sorted(edges) != edges:
                raise ValueError(f"{name}: an edge is below the one before")
        return self


class Spans(Contract):
    """How long after a purchase a customer is what."""

    active_days: Days = field("Active until then.", 90, unit="days")
    inactive_days: Days = field("Inactive from then on; defecting between.", 365, unit="days")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.inactive_days < self.active_days:
            raise ValueError("inactive_days: is below active_days")
        return self


class Parameters(Contract):
    """One fit. The newest is the last record of its topic under the key `value`."""

    version: Sequence = field("Grows with each fit: the second it was made.")
    fitted_at: Instant = field("When it was made.")
    unit: Literal["days", "weeks"] = field("Time unit of `alpha`.", "days")
    bgnbd: BgNbd = field("Purchases.")
    gamma_gamma: GammaGamma | None = field("Amounts; null where too few customers came again.", None)
    rfm: RfmEdges | None = field("Quintiles.", None)
    spans: Spans = field("Life cycle.", Spans())
    log_likelihood: float = field("Of the purchases, in the time unit.")
    customers: Sequence = field("Customers that it was fitted on.")
    transactions: Sequence = field("Their purchase days.")

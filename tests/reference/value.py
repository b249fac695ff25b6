"""What a customer is worth, from a plain list of purchases and what was paid back, as docs/scoring.md says."""

from dataclasses import dataclass
from decimal import Decimal

from scipy.special import hyp2f1

DAY = 86_400_000
YEAR = 365


@dataclass(frozen=True)
class Money:
    """A purchase; `at` in milliseconds."""

    at: int
    amount: Decimal
    currency: str


def worth(
    purchases: list[Money], refunded: dict[str, Decimal], parameters: dict | None, now: float, days: int | None = None
) -> dict:
    """All that is said of a customer's value at `now`; nothing without a purchase.

    Of `days` with purchases there are as many as the purchases tell, unless it was forgotten that there was one before.
    """
    if not purchases:
        return dict.fromkeys(("rfm", "lifecycle", "p_alive", "expected_purchases", "lifetime_value"))
    days = len(days_of(purchases)) if days is None else days
    known = {"lifecycle": lifecycle(purchases, days, (parameters or {}).get("spans", {}), now)}
    if parameters is None:
        return known | dict.fromkeys(("rfm", "p_alive", "expected_purchases", "lifetime_value"))
    alive, expected = outlook(purchases, days, parameters, now)
    amounts = parameters.get("gamma_gamma")
    currencies = {purchase.currency for purchase in purchases}
    return known | {
        "rfm": cell(purchases, refunded, parameters["rfm"], now) if parameters.get("rfm") else None,
        "p_alive": alive,
        "expected_purchases": expected,
        "lifetime_value": {name: expected * day_value(purchases, days, (refunded, amounts), name) for name in currencies},
    }


def days_of(purchases: list[Money]) -> list[int]:
    return sorted({purchase.at // DAY for purchase in purchases})


def silence(purchases: list[Money], now: float) -> float:
    return now - max(purchase.at for purchase in purchases)


def total(entries: list[Money], currency: str) -> Decimal:
    return sum((entry.amount for entry in entries if entry.currency == currency), Decimal(0))


def lifecycle(purchases: list[Money], days: int, spans: dict, now: float) -> str:
    silent = silence(purchases, now)
    if silent >= spans.get("inactive_days", 365) * DAY:
        return "inactive"
    if silent >= spans.get("active_days", 90) * DAY:
        return "defecting"
    return "first_time" if days == 1 else "active"


def cell(purchases: list[Money], refunded: dict[str, Decimal], edges: dict, now: float) -> str:
    silent = silence(purchases, now)
    net = total(purchases, edges["currency"]) - refunded.get(edges["currency"], 0)
    recency = 5 - sum(silent >= round(edge * DAY) for edge in edges["recency_days"])
    frequency = 1 + sum(len(purchases) > edge for edge in edges["frequency"])
    monetary = 1 + sum(net > Decimal(str(edge)) for edge in edges["monetary"])
    return f"{recency}{frequency}{monetary}"


def outlook(purchases: list[Money], count: int, parameters: dict, now: float) -> tuple[float, float]:
    """P(alive), and the purchase days to expect in a year."""
    r, alpha, a, b = (parameters["bgnbd"][name] for name in ("r", "alpha", "a", "b"))
    alpha *= 7 if parameters.get("unit") == "weeks" else 1
    days = days_of(purchases)
    x, t_x = count - 1, days[-1] - days[0]
    age = max(t_x, (now - min(purchase.at for purchase in purchases)) / DAY)
    alive = 1.0 if x == 0 else 1 / (1 + a / (b + x - 1) * ((alpha + age) / (alpha + t_x)) ** (r + x))
    past = ((alpha + age) / (alpha + age + YEAR)) ** (r + x)
    series = hyp2f1(r + x, b + x, a + b + x - 1, YEAR / (alpha + age + YEAR))
    return alive, alive * (a + b + x - 1) / (a - 1) * (1 - past * series)


def day_value(purchases: list[Money], count: int, money: tuple[dict[str, Decimal], dict | None], currency: str) -> float:
    """What one more purchase day is worth in a currency, by what was paid back and the parameters of amounts."""
    days, (refunded, amounts) = days_of(purchases), money
    net = total(purchases, currency) - refunded.get(currency, 0)
    if amounts is None or amounts["currency"] != currency:
        return max(float(net) / count, 0.0)
    x, p, q, v = count - 1, amounts["p"], amounts["q"], amounts["v"]
    first = total([purchase for purchase in purchases if purchase.at // DAY == days[0]], currency)
    repeats = max(float(net - first), 0.0) if x else 0.0
    return p * (v + repeats) / (p * x + q - 1)

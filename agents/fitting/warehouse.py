"""The purchases of all customers, from ClickHouse; it computes the quintiles, too."""

from datetime import date
from typing import Final

from agents.fitting import FitError
from agents.fitting.histories import Customer, Edges, Histories, gather
from sinks.reading import Reader

_CUSTOMERS: Final = """
WITH days AS
(
    SELECT
        profile_key                                                  AS customer_key,
        toDate(occurred_at)                                          AS day,
        count()                                                      AS orders,
        sumIf(assumeNotNull(amount), currency = {currency:String})   AS paid
    FROM events_now
    WHERE type IN ('receipt_issued', 'order_completed') AND amount > 0 AND toDate(occurred_at) <= {until:Date}
    GROUP BY customer_key, day
),
refunds AS
(
    SELECT profile_key AS customer_key, sum(refunded) AS came_back
    FROM events_now
    WHERE refunded > 0 AND currency = {currency:String} AND toDate(occurred_at) <= {until:Date}
    GROUP BY customer_key
),
customers AS
(
    SELECT
        days.customer_key                                AS key,
        count()                                          AS days,
        min(day)                                         AS first,
        max(day)                                         AS last,
        sum(orders)                                      AS bought,
        toFloat64(sum(paid) - ifNull(any(came_back), 0)) AS net,
        toFloat64(argMin(paid, day))                     AS first_day
    FROM days LEFT JOIN refunds ON refunds.customer_key = days.customer_key
    GROUP BY days.customer_key
)
"""
"""Purchase days, and the sums in one currency, of everybody who bought."""
_ALL: Final = _CUSTOMERS + "SELECT days, first, last, bought, net, first_day FROM customers"  # noqa: S608  # constants
_EDGES: Final = (
    _CUSTOMERS
    + """
SELECT
    quantilesExact(0.2, 0.4, 0.6, 0.8)(dateDiff('day', last, {until:Date}) + 1),
    quantilesExact(0.2, 0.4, 0.6, 0.8)(bought),
    quantilesExact(0.2, 0.4, 0.6, 0.8)(net)
FROM customers
"""
)
_LAST: Final = """
SELECT count(), max(toDate(occurred_at)) FROM events
WHERE type IN ('receipt_issued', 'order_completed') AND amount > 0
"""
_MOST_USED: Final = """
SELECT currency FROM events WHERE type IN ('receipt_issued', 'order_completed') AND amount > 0
GROUP BY currency ORDER BY count() DESC, currency LIMIT 1
"""


def read_warehouse(reader: Reader, until: date | None, currency: str | None) -> Histories:
    """Return the histories of everybody who bought, whatever in; amounts and refunds are those of one currency.

    Args:
        reader: ClickHouse.
        until: Last day that counts; None for the day of the last purchase.
        currency: Currency of the amounts; None for the one with the most purchases.

    Raises:
        FitError: There is no purchase.
    """
    [(purchases, last)] = reader.rows(_LAST)
    if not purchases:
        raise FitError("ClickHouse holds no purchases; send some, or name a file with --transactions")
    until, currency = until or last, currency or reader.rows(_MOST_USED)[0][0]
    parameters = {"until": until, "currency": currency}
    customers = [Customer(*row) for row in reader.rows(_ALL, parameters)]
    if not customers:
        raise FitError(f"ClickHouse holds no purchases until {until}")
    edges = Edges(*([float(edge) for edge in column] for column in reader.rows(_EDGES, parameters)[0]))
    return gather(customers, until, currency, edges)

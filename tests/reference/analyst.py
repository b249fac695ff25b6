"""What the query library should answer, computed with pandas and plain Python from the events as they were sent."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import combinations
from typing import Any

import pandas as pd

ORDERS = ("receipt_issued", "order_completed")
DEALS = ("deal_opened", "deal_moved", "deal_won", "deal_lost")
USUAL_SOURCES = {"site-interaction": "web", "purchase": "till", "customer": "crm"}
SESSION = pd.Timedelta(minutes=30)
Row = tuple[Any, ...]


class Analyst:
    """Everything that was accepted, one row an event.

    Args:
        sent: Topic, when it was received in seconds since 1970, and what it says.
        now: The present instant.
    """

    def __init__(self, sent: Iterable[tuple[str, float, dict]], now: datetime) -> None:
        self.now = pd.Timestamp(now)
        good = [one for one in sent if one[2]["occurred_at"] != "soon"]
        logins = {e["anonymous_id"]: e["customer_id"] for _, _, e in good if e["type"] == "customer_identified"}
        frame = pd.DataFrame([self._row(topic, at, event, logins) for topic, at, event in good])
        frame["day"] = frame["at"].dt.date
        frame["month"] = frame["at"].dt.date.map(lambda day: day.replace(day=1))
        self.events = frame
        bought = frame[frame["type"].isin(ORDERS) & (frame["total"] > 0)]
        came_back = frame[(frame["type"] == "receipt_refunded") & (frame["total"] > 0)]
        self.bought = bought
        self.money = pd.concat(
            [bought.assign(net=bought["total"], orders=1), came_back.assign(net=-came_back["total"], orders=0)]
        )
        self.site = frame[(frame["topic"] == "site-interaction") & ~frame["bot"]]

    @staticmethod
    def _row(topic: str, at: float, event: dict, logins: dict[str, str]) -> dict:
        visitor, context = event.get("anonymous_id"), event.get("context", {})
        original = event.get("customer_id") or f"a:{visitor}"
        campaign = context.get("campaign", {})
        return {
            "topic": topic,
            "type": event["type"],
            "original": original,
            "key": event.get("customer_id") or logins.get(visitor or "", f"a:{visitor}"),
            "at": pd.Timestamp(event["occurred_at"]).floor("ms"),
            "received": pd.Timestamp(int(at * 1000) + 200, unit="ms", tz="UTC"),
            "source": event.get("source", USUAL_SOURCES.get(topic)),
            "bot": "YandexBot" in context.get("user_agent", ""),
            "campaign": campaign.get("source", ""),
            "medium": campaign.get("medium", ""),
            "name": campaign.get("name", ""),
            "path": event.get("page", {}).get("path", ""),
            "total": Decimal(str(event.get("total", 0))),
            "currency": event.get("currency", ""),
            "event": event,
        }

    def since(self, **back: int) -> pd.Timestamp:
        return self.now - pd.Timedelta(**back)

    def cart_without_order(self, days: int) -> dict[str, tuple]:
        found = {}
        for key, own in self.events[~self.events["bot"]].groupby("key"):
            carts, orders = own[own["type"] == "product_added"]["at"], own[own["type"].isin(ORDERS)]["at"]
            if len(carts) and carts.max() > self.since(days=days) and (orders.empty or orders.max() < carts.max()):
                found[key] = (carts.max(), None if orders.empty else orders.max())
        return found

    def lapsed_regulars(self, orders: int, quiet_days: int) -> list[Row]:
        rows = []
        for (key, currency), own in self.bought.groupby(["key", "currency"]):
            quiet = (self.now.date() - own["day"].max()).days
            if len(own) >= orders and quiet > quiet_days:
                rows.append((key, currency, len(own), own["total"].sum(), own["at"].max(), quiet))
        return sorted(rows, key=lambda row: (-row[3], row[0]))

    def valuable_and_unhappy(self, best: float) -> list[Row]:
        rated = self.events[self.events["type"] == "ticket_rated"].sort_values("at").groupby("key").last()
        net = self.money.groupby(["key", "currency"])["net"].sum()
        floor = edge(net, 1 - best)
        rows = [
            (key, currency, paid, rated["event"][key]["rating"])
            for (key, currency), paid in net.items()
            if paid >= floor and key in rated.index and rated["event"][key]["rating"] < 4
        ]
        return sorted(rows, key=lambda row: (-row[2], row[0]))

    def _buyers(self, until: Any) -> pd.DataFrame:
        money = self.money[self.money["day"] <= until]
        last = money[money["orders"] == 1].groupby("key")["day"].max()
        found = money.groupby("key").agg(orders=("orders", "sum"), net=("net", "sum"))
        found = found[found["orders"] > 0]
        return found.assign(quiet=[(until - last[key]).days for key in found.index])

    @staticmethod
    def _cells(buyers: pd.DataFrame, edges: dict[str, list]) -> pd.Series:
        above = {name: [sum(value > one for one in edges[name]) for value in buyers[name]] for name in edges}
        cells = zip(above["quiet"], above["orders"], above["net"], strict=True)
        return pd.Series(
            [f"{5 - quiet}{1 + orders}{1 + net}" for quiet, orders, net in cells], index=buyers.index, dtype=object
        )

    def rfm_cells(self) -> list[Row]:
        buyers = self._buyers(self.now.date())
        buyers = buyers.assign(cell=self._cells(buyers, quintiles(buyers)))
        grouped = buyers.groupby("cell")
        rows = [
            (cell, len(own), own["orders"].sum(), own["net"].sum(), round(own["quiet"].mean(), 1)) for cell, own in grouped
        ]
        return sorted(rows, reverse=True)

    def rfm_moves(self, days: int) -> dict[tuple[str, str], tuple]:
        later = self.now.date()
        before, after = self._buyers(later - timedelta(days=days)), self._buyers(later)
        edges = quintiles(before)
        cells_before, cells_after = self._cells(before, edges), self._cells(after, edges)
        found: dict[tuple[str, str], list] = defaultdict(lambda: [0, Decimal(0)])
        for key in after.index:
            way = (cells_before.get(key, "new"), cells_after[key])
            if way[0] != way[1]:
                found[way][0] += 1
                found[way][1] += after["net"][key] - (before["net"][key] if key in before.index else 0)
        return {way: tuple(sums) for way, sums in found.items()}

    def funnel_by_source(self, days: int, within_hours: int) -> list[Row]:
        steps = [("product_viewed",), ("product_added",), ("checkout_started",), ORDERS]
        counts: dict[str, list[int]] = defaultdict(lambda: [0] * 5)
        recent = self.events[(self.events["at"] > self.since(days=days)) & ~self.events["bot"]]
        named = {kind for step in steps for kind in step} | {"page_viewed"}
        for _, own in recent[recent["type"].isin(named)].sort_values("at").groupby("key"):
            if not own["type"].isin(("page_viewed", "product_viewed")).any():
                continue
            campaigns = own[own["campaign"] != ""]["campaign"]
            path = list(zip(own["type"], own["at"].dt.floor("s"), strict=True))
            reached = max((_reached(path[n:], steps, within_hours) for n in range(len(path))), default=0)
            for number in range(reached + 1):
                counts[campaigns.iloc[0] if len(campaigns) else "direct"][number] += 1
        rows = [(source, *numbers, round(numbers[4] / numbers[0], 4)) for source, numbers in counts.items()]
        return sorted(rows, key=lambda row: (-row[1], row[0]))

    def _cohorts(self, months: int) -> pd.Series:
        firsts = self.bought.groupby("key")["month"].min()
        start = (self.now.replace(day=1) - pd.DateOffset(months=months)).date()
        return firsts[firsts >= start]

    def cohort_retention(self, months: int) -> list[Row]:
        firsts = self._cohorts(months)
        sizes = Counter(firsts)
        active = Counter((firsts[key], apart(firsts[key], month)) for key, month in self._active() if key in firsts)
        return [
            (cohort, month, sizes[cohort], n, round(n / sizes[cohort], 4)) for (cohort, month), n in sorted(active.items())
        ]

    def _active(self) -> set[tuple[str, Any]]:
        return set(zip(self.bought["key"], self.bought["month"], strict=True))

    def value_by_cohort(self, months: int) -> list[Row]:
        firsts = self._cohorts(months)
        sizes, sums = Counter(firsts), defaultdict(Decimal)
        for key, month, net in zip(self.money["key"], self.money["month"], self.money["net"], strict=True):
            if key in firsts:
                sums[firsts[key], max(apart(firsts[key], month), 0)] += net
        rows, running = [], defaultdict(Decimal)
        for (cohort, month), net in sorted(sums.items()):
            running[cohort] += net
            rows.append((cohort, month, sizes[cohort], running[cohort]))
        return rows

    def sessions(self, days: int) -> list[pd.DataFrame]:
        """Sessions: gaps of half an hour or more tell them apart; events more than a day late are in none."""
        in_time = self.site[self.site["received"] - self.site["at"] <= pd.Timedelta(days=1)].sort_values("at")
        found = []
        for _, own in in_time.groupby("original"):
            number = (own["at"].diff() >= SESSION).cumsum()
            found += [session for _, session in own.groupby(number)]
        return [session for session in found if session["at"].max() > self.since(days=days)]

    def sessions_by_day(self, days: int) -> dict[Row, tuple]:
        grouped = defaultdict(list)
        for session in self.sessions(days):
            campaigns = session[session["campaign"] != ""]["campaign"]
            grouped[session["at"].min().date(), campaigns.iloc[0] if len(campaigns) else "direct"].append(session)
        return {
            place: (
                len(own),
                len({session["key"].iloc[0] for session in own}),
                sum((s["at"].max() - s["at"].min()).total_seconds() for s in own) / len(own),
                round(sum((s["type"] == "page_viewed").sum() for s in own) / len(own), 2),
                round(sum(len(s) == 1 for s in own) / len(own), 4),
            )
            for place, own in grouped.items()
        }

    def top_paths(self, days: int, steps: int) -> Counter:
        found = Counter()
        for session in self.sessions(days):
            pages = list(session[session["type"] == "page_viewed"]["path"])
            kept = [page for number, page in enumerate(pages) if not number or page != pages[number - 1]]
            if kept:
                found[" > ".join(kept[:steps])] += 1
        return found

    def reasons_by_month(self, months: int) -> list[Row]:
        start = (self.now.replace(day=1) - pd.DateOffset(months=months)).date()
        said = self.events[(self.events["type"] == "survey_answered") & (self.events["month"] >= start)]
        asked = [
            (month, event["survey"], event.get("reason")) for month, event in zip(said["month"], said["event"], strict=True)
        ]
        counts = Counter(one for one in asked if one[1] != "nps")
        totals = Counter(one[:2] for one in counts.elements())
        rows = [(*one, n, round(n / totals[one[:2]], 4)) for one, n in counts.items()]
        return sorted(rows, key=lambda row: (row[0], row[1], -row[3], row[2]))

    def satisfaction_by_month(self, months: int) -> list[Row]:
        start = (self.now.replace(day=1) - pd.DateOffset(months=months)).date()
        recent = self.events[self.events["month"] >= start]
        rows = []
        for month, own in recent.groupby("month"):
            said = list(zip(own["type"], own["event"], strict=True))
            scores = [event["score"] for kind, event in said if kind == "survey_answered" and event["survey"] == "nps"]
            stars = [event["rating"] for kind, event in said if kind == "ticket_rated"]
            promoters, detractors, good = (
                sum(s >= 9 for s in scores),
                sum(s <= 6 for s in scores),
                sum(s >= 4 for s in stars),
            )
            if scores or stars:
                nps = round(100 * (promoters - detractors) / len(scores), 1) if scores else None
                csat = round(100 * good / len(stars), 1) if stars else None
                rows.append((month, len(scores), promoters, detractors, nps, len(stars), good, csat))
        return rows

    def won_rate_by_script(self, days: int) -> list[Row]:
        grouped = defaultdict(list)
        deals = self.events[self.events["type"].isin(DEALS)].sort_values("at")
        for _, own in deals.groupby(deals["event"].map(lambda event: event["deal_id"])):
            last = own["event"].iloc[-1]
            if last["type"] in DEALS[2:] and own["at"].max() > self.since(days=days):
                passed = (own["at"].max().date() - own["at"].min().date()).days
                grouped[last["script_id"], last["buyer_role"], last["currency"]].append((last, passed))
        rows = []
        for place, own in grouped.items():
            won = [Decimal(deal["amount"]) for deal, _ in own if deal["type"] == "deal_won"]
            mean = round(sum(days for _, days in own) / len(own), 1)
            rows.append((*place, len(won), len(own) - len(won), round(len(won) / len(own), 4), sum(won), mean))
        return sorted(rows, key=lambda row: (-row[3] - row[4], row[0], row[1]))

    def days_to_purchase(self, days: int) -> dict[str, tuple]:
        waits = defaultdict(list)
        for key, own in self.site.groupby("key"):
            orders = self.bought[self.bought["key"] == key]["at"]
            if orders.empty or own["at"].min() > orders.min() or orders.min() <= self.since(days=days):
                continue
            by = own[(own["campaign"] != "")].sort_values("at")
            source = by["campaign"].iloc[0] if len(by) and by["at"].iloc[0] <= orders.min() else "direct"
            waits[source].append(((orders.min() - own["at"].min()).total_seconds()) / 86_400)
        levels = (0.5, 0.75, 0.9)
        return {s: (len(own), *(pd.Series(own).quantile(level) for level in levels)) for s, own in waits.items()}

    def basket_affinity(self, days: int, at_least: int, by: str) -> dict[tuple[str, str], tuple]:
        recent = self.events[self.events["type"].isin(ORDERS) & (self.events["at"] > self.since(days=days))]
        name = {"product": "product_id", "category": "category"}[by]
        baskets = [{line.get(name) or "" for line in event["lines"]} for event in recent["event"] if event.get("lines")]
        singles = Counter(item for basket in baskets for item in basket)
        pairs = Counter(pair for basket in baskets if len(basket) <= 100 for pair in combinations(sorted(basket), 2))
        return {
            pair: (n, n / len(baskets), n / singles[pair[0]], n * len(baskets) / (singles[pair[0]] * singles[pair[1]]))
            for pair, n in pairs.items()
            if n >= at_least and all(pair)
        }

    def campaign_effect(self, days: int, within_days: int) -> dict[tuple, tuple]:
        recent = self.site[self.site["at"] > self.since(days=days)]
        came = recent.groupby([recent["campaign"].replace("", "direct"), "medium", "name", "key"])["at"].min()
        orders = self.bought[self.bought["at"] > self.since(days=days)]
        found: dict[tuple, list] = defaultdict(lambda: [0, 0, 0, Decimal(0)])
        for (source, medium, name, key), at in came.items():
            soon = orders[
                (orders["key"] == key) & (orders["at"] >= at) & (orders["at"] < at + pd.Timedelta(days=within_days))
            ]
            sums = found[source, medium, name]
            sums[0] += 1
            sums[1] += len(soon) > 0
            sums[2] += len(soon)
            sums[3] += soon["total"].sum() if len(soon) else 0
        return {place: tuple(sums) for place, sums in found.items()}

    def late_and_flagged(self, days: int) -> dict[tuple, tuple]:
        recent = self.events[self.events["received"] > self.since(days=days)]
        late = recent["received"] > recent["at"] + pd.Timedelta(days=1)
        grouped = recent.assign(late=late).groupby(["source", "type"])
        return {place: (len(own), own["late"].sum(), own["bot"].sum()) for place, own in grouped}


def _reached(path: Sequence[tuple[str, pd.Timestamp]], steps: Sequence[tuple[str, ...]], within_hours: int) -> int:
    """How many steps of the funnel are taken, one after another, from the first of `path` on."""
    if path[0][0] not in steps[0]:
        return 0
    reached, until = 1, path[0][1] + pd.Timedelta(hours=within_hours)
    for kind, at in path[1:]:
        if reached < len(steps) and kind in steps[reached] and at <= until:
            reached += 1
    return reached


def edge(values: Iterable, level: float) -> Any:
    """The value below which a share of all values lies, one of them."""
    ordered = sorted(values)
    return ordered[min(int(level * len(ordered)), len(ordered) - 1)]


def quintiles(buyers: pd.DataFrame) -> dict[str, list]:
    return {name: [edge(buyers[name], level) for level in (0.2, 0.4, 0.6, 0.8)] for name in ("quiet", "orders", "net")}


def apart(month: Any, later: Any) -> int:
    return (later.year - month.year) * 12 + later.month - month.month


def cools_at(value: float, floor: float, now: datetime, half_life_days: float) -> datetime:
    """When a value that fades reaches a floor."""
    return now.astimezone(UTC) + timedelta(days=half_life_days * math.log2(value / floor))

"""Rows of the page that tell facts: names, purchases, the help desk, traits, consents."""

from collections.abc import Iterator

from agents.pages.rfm import group_of
from agents.pages.words import Calendar, counted, lasting, listed, money, spoken
from schemas.profile import Activity, Profile, Service, Value

Row = tuple[str, str]


def kind(profile: Profile) -> str:
    """Return what the key stands for."""
    if profile.customer_key.startswith("card:"):
        return "a card or phone without a customer"
    return "a visitor" if profile.customer_key.startswith("a:") else "a customer"


def activity_lines(profile: Profile, calendar: Calendar) -> Iterator[str]:
    """Yield other names of the customer, when they were seen, and what they did on the site."""
    names = [f"customer {one}" for one in profile.identities.customer_ids if one != profile.customer_key]
    names += [f"visitor {visitor}" for visitor in profile.identities.anonymous_ids]
    names += [f"{link.id_type} since {calendar.day(link.linked_at)}" for link in profile.identities.links]
    if names:
        yield f"Also known as {listed(names)}"
    seen = _seen(profile.activity, calendar)
    if seen:
        yield f"{seen}{_on_site(profile.activity)}"


def _seen(activity: Activity, calendar: Calendar) -> str:
    first, last = activity.first_seen_at, activity.last_seen_at
    if first is None or last is None:
        return ""
    if calendar.day(first) == calendar.day(last):
        return f"Seen on {calendar.instant(last)}"
    return f"Seen from {calendar.day(first)} to {calendar.instant(last)}"


def _on_site(activity: Activity) -> str:
    if not activity.sessions:
        return ""
    site = [counted(activity.sessions, "session"), f"{counted(activity.page_views, 'page')} viewed"]
    site += [f"{lasting(activity.active_secs)} on the site"] if activity.active_secs else []
    return f"; {listed(site)}"


def value_rows(value: Value, calendar: Calendar) -> Iterator[Row]:
    """Yield what the customer bought and is worth."""
    if value.orders:
        refunds = f", {money(value.refunded)} refunded" if value.refunded else ""
        yield "orders", f"{value.orders:,} for {money(value.revenue)}{refunds}; {money(value.average_order)} each"
    if value.first_purchase_at is not None and value.last_purchase_at is not None:
        yield "bought", f"first on {calendar.day(value.first_purchase_at)}, last on {calendar.day(value.last_purchase_at)}"
    if value.lifecycle is not None:
        yield "life cycle", spoken(value.lifecycle)
    yield from _outlook_rows(value)
    deals = value.deals
    stages = [
        f"{count} {stage}" for stage, count in (("open", deals.open), ("won", deals.won), ("lost", deals.lost)) if count
    ]
    if stages:
        yield "deals", listed(stages) + (f"; won for {money(deals.won_amount)}" if deals.won_amount else "")
    if value.loyalty is not None:
        yield "loyalty", counted(value.loyalty.balance, "point") + (f", {value.loyalty.tier}" if value.loyalty.tier else "")


def _outlook_rows(value: Value) -> Iterator[Row]:
    """Yield what the value model tells; nothing where no parameters are published."""
    rfm = value.rfm
    if rfm is not None:
        before = f"; before that {rfm.previous_cell}, {group_of(rfm.previous_cell)}" if rfm.previous_cell else ""
        yield "RFM", f"{rfm.cell}, {group_of(rfm.cell)}{before}"
    if value.p_alive is None or value.expected_purchases is None:
        return
    alive = "bought on one day only: too early to tell" if _same_day(value) else f"{value.p_alive:.0%} likely to buy again"
    yield "outlook", f"{alive}; {value.expected_purchases:.1f} purchase days expected within a year"
    if value.lifetime_value:
        yield "worth", f"{money(value.lifetime_value)} within that year"


def _same_day(value: Value) -> bool:
    first, last = value.first_purchase_at, value.last_purchase_at
    return first is not None and last is not None and first.date() == last.date()


def service_rows(profile: Profile, calendar: Calendar) -> Iterator[Row]:
    """Yield what the help desk knows, and the risk that the customer leaves."""
    service = profile.service
    if service.tickets:
        yield "tickets", _tickets(service)
    if service.last_contact_at is not None:
        yield "contact", f"last on {calendar.instant(service.last_contact_at)}"
    if service.csat is not None:
        yield "CSAT", f"{service.csat.satisfied} of {counted(service.csat.answers, 'answer')} satisfied"
    if service.nps is not None:
        yield "NPS", f"{service.nps.score}, {service.nps.group}"
    if service.leaving_reason is not None:
        yield "would leave", spoken(service.leaving_reason)
    if service.staying_reason is not None:
        yield "would stay", spoken(service.staying_reason)
    if profile.churn is not None:
        reasons = f": {'; '.join(profile.churn.reasons)}" if profile.churn.reasons else ""
        yield "churn risk", f"{profile.churn.risk:.0%}{reasons}"


def _tickets(service: Service) -> str:
    said = f"{service.tickets:,} in all, {service.open_tickets or 'none'} open"
    if service.reopened:
        said += f", reopened {counted(service.reopened, 'time')}"
    if service.first_response_secs is not None:
        said += f"; first answer after {lasting(service.first_response_secs)}"
    return said


def known_rows(profile: Profile, calendar: Calendar) -> Iterator[Row]:
    """Yield traits and consents."""
    for name, trait in profile.traits.items():
        said = profile.trait_sources.get(name)
        whence = f" ({said.source}, {calendar.day(said.at)})" if said is not None and said.source else ""
        yield spoken(name), (", ".join(map(str, trait)) if isinstance(trait, list) else str(trait)) + whence
    for purpose, consent in profile.consents.items():
        channels = f" for {listed(consent.channels)}" if consent.channels else ""
        ends = consent.valid_until if consent.state == "given" else None
        if ends is not None and ends <= calendar.now:
            yield f"consent: {spoken(purpose)}", f"expired on {calendar.day(ends)}"
        else:
            until = "" if ends is None else f" until {calendar.day(ends)}"
            yield f"consent: {spoken(purpose)}", f"{consent.state}{channels}{until}"

"""Messages of Segment's and RudderStack's clients as events of ours.

Sources: Segment's "Spec" (common fields, identify, track, page, screen, group, alias, e-commerce), RudderStack's "Event
Spec", and the requests of their clients, of which `tests/data/captures` has some byte for byte.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple, get_args

from collector.sources.commerce import SITE, Given, Named, name_event
from collector.sources.fields import Fields, Mapped, Unusable, compact, decimal
from core.traffic import cut_address
from schemas.customer import Role
from schemas.projection import NO_PLAN, Plan

CUSTOMER: Final = "customer"
CALLS: Final = ("identify", "track", "page", "screen", "group", "alias")
_IGNORED: Final = frozenset({"integrations", "messageId", "channel", "writeKey", "version", "_metadata", "event", "name"})
_IGNORED_CONTEXT: Final = frozenset({
    "library", "traits", "page", "app", "os", "screen", "network", "groupId", "userAgentData", "sessionId", "sessionStart",
    "referrer", "location", "active",
})  # fmt: skip
"""What says nothing of the customer that any purpose needs: it is left out without being counted."""
_CATEGORIES: Final = ("marketing", "Marketing", "advertising", "Advertising", "targeting", "Targeting")
"""Names of the consent category that our purpose `marketing` is."""


class Received(NamedTuple):
    """What the edge knows of the request that brought a message.

    `source` is that of the key, `sent_at` that of the batch; `ip` is cut already, and like `user_agent` it is there only
    where the visitor's own browser made the request.
    """

    received_at: str
    source: str | None = None
    sent_at: str | None = None
    ip: str | None = None
    user_agent: str | None = None
    currency: str = "USD"
    plan: Plan = NO_PLAN


def map_message(raw: Any, message_id: str, received: Received) -> Mapped | Unusable:
    """Return the event that one message is.

    Args:
        raw: The message, as decoded from JSON.
        message_id: Its id: its own, or one that the same message always gets.
        received: What brought it.
    """
    message = Fields(raw)
    call = message.text("type")
    mapping = _CALLS.get(call or "")
    if mapping is None:
        return Unusable(f"type: must be one of {', '.join(CALLS)}")
    context = message.inner("context")
    user = _id(message.text("userId", "user_id"))
    visitor = _id(message.text("anonymousId", "anonymous_id"))
    said = mapping(message, context, _Told(user, visitor, Given(message_id, received.currency, received.plan)))
    if isinstance(said, Unusable):
        return said
    topic, type_, fields = said.what
    occurred_at = message.instant("timestamp", "originalTimestamp")
    sent_at = message.instant("sentAt") or received.sent_at
    event = {
        "event_id": message_id,
        "type": type_,
        "occurred_at": occurred_at or received.received_at,
        "received_at": received.received_at,
        "sent_at": sent_at if occurred_at else None,
        "source": received.source,
        "customer_id": user,
        "anonymous_id": visitor,
        "context": _context(context, received) or None,
        **fields,
        **said.who,
    }
    event = {name: value for name, value in event.items() if value is not None}
    if "customer_id" not in event and "anonymous_id" not in event:
        return Unusable("userId, anonymousId: one of them is required")
    omitted = message.unread_beside(_IGNORED) + context.unread_beside(_IGNORED_CONTEXT) + said.omitted
    return Mapped(topic, event, omitted)


class _Told(NamedTuple):
    user: str | None
    visitor: str | None
    given: Given


class _Said(NamedTuple):
    """What a call says, of whom where that is not plain, and how many of its fields have no place."""

    what: Named
    who: dict[str, Any]
    omitted: int


_Call = Callable[[Fields, Fields, _Told], _Said | Unusable]


def _id(value: str | None) -> str | None:
    return (value or "").strip() or None


def _identify(message: Fields, context: Fields, told: _Told) -> _Said:
    traits, omitted = _traits(message, context)
    if told.user is None:
        return _Said(Named(CUSTOMER, "traits_changed", {"traits": traits}), {}, omitted)
    return _Said(Named(CUSTOMER, "customer_identified", compact(traits=traits or None)), {}, omitted)


def _traits(message: Fields, context: Fields) -> tuple[dict[str, Any], int]:
    """Return our traits among those of message and context, where RudderStack's clients put them."""
    read = Fields({**context.object("traits"), **message.object("traits")})
    company = read.value("company")
    of_company = Fields(company) if isinstance(company, dict) else Fields({"name": company})
    address = read.inner("address")
    birthday = read.text("birth_date", "birthday", "birthDate")
    traits = compact(
        name=read.text("name") or _full_name(read),
        email=read.text("email"),
        phone=read.text("phone"),
        birth_date=birthday[:10] if birthday else None,
        city=read.text("city") or address.text("city"),
        country=read.text("country") or address.text("country"),
        company=of_company.text("name"),
        industry=read.text("industry") or of_company.text("industry"),
        employees=read.whole("employees") or of_company.whole("employee_count", "employees"),
        role=read.text("role", "title", "position"),
        budget=read.number("budget"),
        currency=read.text("currency"),
        preferences=read.value("preferences"),
    )
    usable = _usable(traits)
    return usable, read.unread + len(traits) - len(usable)


def _usable(traits: dict[str, Any]) -> dict[str, Any]:
    """Leave out what other systems call by our names and mean otherwise: nobody is turned away for that."""
    wrong = {
        "role": traits.get("role") not in _ROLES,
        "employees": type(traits.get("employees")) is not int or traits["employees"] < 0,
        "budget": decimal(traits.get("budget")) is None,
        "preferences": not isinstance(traits.get("preferences"), list),
    }
    return {name: value for name, value in traits.items() if not wrong.get(name)}


def _full_name(read: Fields) -> str | None:
    parts = (read.text("firstName", "first_name", "firstname"), read.text("lastName", "last_name", "lastname"))
    return " ".join(part for part in parts if part) or None


_ROLES: Final = frozenset(get_args(Role))


def _track(message: Fields, _context: Fields, told: _Told) -> _Said | Unusable:
    name, properties = message.text("event"), message.inner("properties")
    if name is None:
        return Unusable("event: a track call needs the name of the event")
    named = name_event(name, properties, told.given)
    return _Said(named, {}, properties.unread)


def _page(message: Fields, context: Fields, _told: _Told) -> _Said:
    properties, page = message.inner("properties"), context.inner("page")
    name = message.text("name") or properties.text("name")
    path = properties.text("path") or page.text("path")
    seen = compact(
        url=properties.text("url") or page.text("url") or path or name,
        path=path,
        title=properties.text("title") or page.text("title") or name,
        referrer=properties.text("referrer") or page.text("referrer"),
        category=message.text("category") or properties.text("category"),
    )
    for read in (properties, page):
        read.value(*_OF_A_PAGE)
    return _Said(Named(SITE, "page_viewed", {"page": seen}), {}, properties.unread + page.unread)


_OF_A_PAGE: Final = (
    "url", "path", "title", "referrer", "category", "name", "search", "tab_url", "referring_domain", "initial_referrer",
    "initial_referring_domain",
)  # fmt: skip
"""What is said of a page in two places, or is part of its address."""


def _screen(message: Fields, _context: Fields, _told: _Told) -> _Said:
    """A screen of an app is a page without an address of the web."""
    properties = message.inner("properties")
    name = message.text("name") or properties.text("name") or message.text("event")
    category = message.text("category") or properties.text("category")
    place = "/".join(part for part in (category, name) if part)
    seen = compact(url=f"app://{place}" if place else None, path=f"/{place}", title=name, category=category)
    return _Said(Named(SITE, "page_viewed", {"page": seen}), {}, properties.unread)


def _group(message: Fields, _context: Fields, _told: _Told) -> _Said:
    """A group of Segment is the company that somebody works for."""
    of_group, group = message.inner("traits"), message.text("groupId", "group_id")
    traits = compact(
        company=of_group.text("name") or group,
        industry=of_group.text("industry"),
        employees=of_group.whole("employees", "employee_count"),
    )
    return _Said(Named(CUSTOMER, "traits_changed", {"traits": _usable(traits)}), {}, of_group.unread)


def _alias(message: Fields, _context: Fields, told: _Told) -> _Said | Unusable:
    """Whoever was known as `previousId`, mostly a visitor, is the customer from now on."""
    previous = _id(message.text("previousId", "previous_id"))
    if told.user is None or previous is None:
        return Unusable("previousId, userId: an alias call needs both")
    return _Said(Named(CUSTOMER, "customer_identified", {}), {"customer_id": told.user, "anonymous_id": previous}, 0)


_CALLS: Final[dict[str, _Call]] = {
    "identify": _identify,
    "track": _track,
    "page": _page,
    "screen": _screen,
    "group": _group,
    "alias": _alias,
}


def _context(context: Fields, received: Received) -> dict[str, Any]:
    if context.has_only(_IGNORED_CONTEXT):
        return compact(ip=received.ip, user_agent=received.user_agent)
    campaign, device = context.inner("campaign"), context.inner("device")
    marketing = _marketing(context.object("consent"))
    return compact(
        ip=cut_address(context.text("ip")) or received.ip,
        user_agent=context.text("userAgent", "user_agent") or received.user_agent,
        locale=context.text("locale"),
        timezone=context.text("timezone"),
        device=compact(type=device.text("type")) or None,
        campaign=compact(source=campaign.text("source"), medium=campaign.text("medium"), name=campaign.text("name")) or None,
        consent=None if marketing is None else {"marketing": marketing},
    )


def _marketing(consent: dict[str, Any]) -> bool | None:
    """Return what is agreed to: said by us, by Segment's `categoryPreferences`, or by RudderStack's lists."""
    if not consent:
        return None
    said = {**consent, **Fields(consent).object("categoryPreferences")}
    for name in _CATEGORIES:
        if isinstance(said.get(name), bool):
            return bool(said[name])
    for names, agreed in (("deniedConsentIds", False), ("allowedConsentIds", True)):
        listed = consent.get(names)
        if isinstance(listed, list) and any(name in listed for name in _CATEGORIES):
            return agreed
    return None

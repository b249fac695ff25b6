"""Payloads of Snowplow's trackers: page views, page pings, structured and self-describing events.

Source: Snowplow's "Tracker Protocol" (the parameters of `tp2` and `/i`).
"""

import base64
import binascii
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import orjson

from collector.sources.commerce import SITE, Given, Named, name_event
from collector.sources.fields import Fields, Mapped, Unusable, compact
from collector.sources.segment import Received
from core.traffic import cut_address

_PING_SECS: Final = 10
"""A page ping stands for this long: the heartbeat that trackers are set to in Snowplow's documentation."""
_DEVICES: Final = {"web": "desktop", "mob": "mobile", "tv": "tv", "cnsl": "console", "iot": "iot"}
_IGNORED: Final = (
    "p", "tv", "aid", "tna", "tr_cu", "ds", "vp", "res", "cd", "cookie", "cs", "vid", "sid", "nuid", "tnuid", "f_pdf",
    "fp", "pp_mix", "pp_max", "pp_miy", "pp_may", "mac", "eid", "e", "stm",
)  # fmt: skip


def map_payload(raw: Any, message_id: str, received: Received) -> Mapped | Unusable:
    """Return the event that one payload is.

    Args:
        raw: The payload: parameters and their values.
        message_id: Its id.
        received: What brought it.
    """
    payload = Fields(raw)
    url = payload.text("url")
    named = _named(payload, url, Given(message_id, received.currency, received.plan))
    if isinstance(named, Unusable):
        return named
    user, visitor = payload.text("uid"), payload.text("duid", "nuid", "tnuid")
    if not user and not visitor:
        return Unusable("uid, duid: one of them is required")
    occurred_at, sent_at = payload.instant("ttm", "dtm"), payload.instant("stm")
    device = _DEVICES.get(payload.text("p") or "")
    context = compact(
        ip=cut_address(payload.text("ip")) or received.ip,
        user_agent=payload.text("ua") or received.user_agent,
        locale=payload.text("lang"),
        timezone=payload.text("tz"),
        device=None if device is None else {"type": device},
        campaign=_campaign(url),
    )
    event = {
        "event_id": message_id,
        "type": named.type,
        "occurred_at": occurred_at or received.received_at,
        "received_at": received.received_at,
        **compact(sent_at=sent_at if occurred_at else None, source=received.source, customer_id=user, anonymous_id=visitor),
        **named.fields,
        **compact(context=context or None),
    }
    payload.value(*_IGNORED)
    return Mapped(named.topic, event, payload.unread)


def _named(payload: Fields, url: str | None, given: Given) -> Named | Unusable:
    kind = payload.text("e")
    if kind == "pv":
        return Named(SITE, "page_viewed", {"page": _page(payload, url)})
    if kind == "pp":
        return Named(SITE, "page_pinged", {"page": _page(payload, url), "active_secs": _PING_SECS})
    if kind == "se":
        fields = {name: payload.value(f"se_{short}") for name, short in _STRUCTURED.items()}
        return name_event(payload.text("se_ac") or "", Fields(compact(**fields)), given)
    if kind == "ue":
        return _self_describing(payload, given)
    return Unusable("e: must be pv, pp, se or ue")


_STRUCTURED: Final = {"category": "ca", "label": "la", "property": "pr", "value": "va"}


def _page(payload: Fields, url: str | None) -> dict[str, Any]:
    return compact(url=url, title=payload.text("page"), referrer=payload.text("refr"))


def _self_describing(payload: Fields, given: Given) -> Named | Unusable:
    """An event with a schema of its own: its name is that of the schema, `iglu:vendor/NAME/format/version`."""
    said = _document(payload.value("ue_pr"), payload.text("ue_px"))
    inner = Fields(said).inner("data")
    parts = (inner.text("schema") or "").split("/")
    if len(parts) < 2:
        return Unusable("ue_pr, ue_px: no self-describing event")
    return name_event(parts[1], inner.inner("data"), given)


def _document(plain: Any, encoded: str | None) -> Any:
    """Return the object that stands plainly or in base64 for URLs, whose padding may be left out."""
    try:
        if isinstance(plain, str):
            return orjson.loads(plain)
        return orjson.loads(base64.urlsafe_b64decode((encoded or "") + "=" * (-len(encoded or "") % 4)))
    except (orjson.JSONDecodeError, binascii.Error, ValueError):
        return plain


def _campaign(url: str | None) -> dict[str, str] | None:
    """Return the campaign that the page's address names by `utm_…`, as Snowplow's enrichment reads it."""
    try:
        query = urlsplit(url or "").query
    except ValueError:
        return None
    said = {name: values[0] for name, values in parse_qs(query).items()}
    found = compact(source=said.get("utm_source"), medium=said.get("utm_medium"), name=said.get("utm_campaign"))
    return found or None

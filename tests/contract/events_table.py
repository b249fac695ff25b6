"""The public contract's tables of fields, written by hand and not from the models; a star marks a required field."""

_ENVELOPE = (
    "event_id* type* occurred_at* schema_version sent_at received_at customer_id anonymous_id source "
    "identifiers identifiers[].id_type* identifiers[].id_value* "
    "context context.ip context.user_agent context.locale context.timezone context.device context.device.type "
    "context.campaign context.campaign.source context.campaign.medium context.campaign.name "
    "context.consent context.consent.marketing"
)
_PAGE = "page* page.url* page.path page.title page.referrer page.category"
_PRODUCT = "product* product.id* product.name product.category product.brand product.price product.currency"
_CART = "cart_id total currency"
_LINES = (
    "lines lines[].product_id* lines[].name lines[].category lines[].quantity* lines[].price* "
    "lines[].discount lines[].total*"
)
_RECEIPT = "receipt* receipt.store_id* receipt.till_id* receipt.number*"
_DEAL = "deal_id* amount currency buyer_role script_id"
_TRAITS = (
    "traits.name traits.email traits.phone traits.birth_date traits.city traits.country traits.company traits.industry "
    "traits.employees traits.role traits.budget traits.currency traits.preferences"
)
_CONSENT = "purpose* channels valid_until evidence evidence.url evidence.wording_version evidence.ip"

_TABLES = {
    "site-interaction": {
        "page_viewed": _PAGE,
        "page_pinged": f"{_PAGE} active_secs*",
        "product_viewed": _PRODUCT,
        "product_added": f"{_PRODUCT} quantity cart_id",
        "product_removed": f"{_PRODUCT} quantity cart_id",
        "cart_viewed": _CART,
        "checkout_started": _CART,
        "search_performed": "query* results",
        "content_rated": "content_id* rating*",
        "content_commented": "content_id* text",
        "subscribed": "list* channel",
        "unsubscribed": "list* channel",
        "form_submitted": "form*",
        "message_opened": "message_id* channel campaign",
        "message_clicked": "message_id* channel campaign",
        "app_opened": "version",
        "custom_tracked": "name* properties",
    },
    "purchase": {
        "receipt_issued": f"{_RECEIPT} total* currency* {_LINES} discount_total payment_method coupons",
        "receipt_refunded": f"refund_id* {_RECEIPT} total* currency* {_LINES}",
        "order_completed": f"order_id* total* currency* {_LINES} coupons",
        "order_cancelled": "order_id*",
        "order_refunded": f"refund_id* order_id* total* currency* {_LINES}",
        "deal_opened": f"{_DEAL} stage",
        "deal_moved": f"{_DEAL} stage",
        "deal_won": f"{_DEAL} reason",
        "deal_lost": f"{_DEAL} reason",
        "loyalty_changed": "balance* tier delta reason",
    },
    "support-ticket": {
        "ticket_opened": "ticket_id* subject text channel priority category",
        "ticket_replied": "ticket_id* by* text",
        "ticket_solved": "ticket_id*",
        "ticket_reopened": "ticket_id*",
        "ticket_closed": "ticket_id*",
        "ticket_rated": "ticket_id* rating* scale* comment",
        "survey_answered/nps": "survey* score* comment",
        "survey_answered/leaving": "survey* reason* comment",
        "survey_answered/staying": "survey* reason* comment",
    },
    "customer": {
        "customer_identified": f"customer_id* traits {_TRAITS}",
        "traits_changed": f"traits* {_TRAITS}",
        "identity_linked": "customer_id* id_type* id_value*",
        "customers_merged": "customer_id* merged_id*",
        "customers_unmerged": "customer_id* merged_id*",
    },
    "consent": {
        "consent_given": _CONSENT,
        "consent_withdrawn": _CONSENT,
        "processing_blocked": "reason",
        "processing_unblocked": "reason",
        "erasure_requested": "request_id due_at",
    },
}


def _fields(words: str) -> dict[str, bool]:
    return {word.rstrip("*"): word.endswith("*") for word in f"{_ENVELOPE} {words}".split()}


FIELDS = {kind: _fields(words) for table in _TABLES.values() for kind, words in table.items()}
"""Whether a field is required where the object that holds it is present, by path, by event type (and survey)."""

TOPICS = {kind: topic for topic, table in _TABLES.items() for kind in table}

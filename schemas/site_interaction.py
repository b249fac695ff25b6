"""Events of topic `site-interaction`: what a visitor does on the site and in the app."""

from typing import ClassVar, Literal

from schemas.envelope import Envelope
from schemas.fields import (
    Code,
    Contract,
    Count,
    Currency,
    Id,
    Money,
    Name,
    PersonalData,
    Purpose,
    Quantity,
    Text,
    Url,
    field,
)
from schemas.sealed import SealableText

_BROWSING = (Purpose.SCORING, Purpose.ANALYTICS, Purpose.ADVERTISING)
Channel = Literal["email", "push", "sms"]
FlatValue = Text | int | float | bool | None


class SiteInteraction(Envelope):
    """Base of the site's events."""

    topic: ClassVar[str] = "site-interaction"
    default_source: ClassVar[str] = "web"


class Page(Contract):
    """A page of the site."""

    url: Url = field("Full address of the page.")
    path: Url | None = field("Path of the page.", None)
    title: Name | None = field("Title of the page.", None, purposes=(Purpose.ANALYTICS,))
    referrer: Url | None = field("Page the visitor came from.", None, purposes=(Purpose.ANALYTICS,))
    category: Name | None = field("Category of the page.", None)


class Product(Contract):
    """A product shown or put into a cart."""

    id: Id = field("Id of the product.", purposes=_BROWSING)
    name: Name | None = field("Name of the product.", None, purposes=_BROWSING)
    category: Name | None = field("Category of the product.", None, purposes=_BROWSING)
    brand: Name | None = field("Brand of the product.", None, purposes=_BROWSING)
    price: Money | None = field("Price of one piece.", None, unit="currency", purposes=_BROWSING)
    currency: Currency | None = field("Currency of the price, ISO 4217.", None)


class PageViewed(SiteInteraction):
    """A visitor opened a page."""

    type: Literal["page_viewed"]
    page: Page = field("The page.")


class PagePinged(SiteInteraction):
    """A visitor is still active on a page."""

    type: Literal["page_pinged"]
    page: Page = field("The page.")
    active_secs: Count = field("Time on the page since the last ping.", unit="seconds")


class ProductViewed(SiteInteraction):
    """A visitor looked at a product."""

    type: Literal["product_viewed"]
    product: Product = field("The product.")


class _CartChanged(SiteInteraction):
    product: Product = field("The product.")
    quantity: Quantity | None = field("Number of pieces; 1 if absent.", None, unit="pieces")
    cart_id: Id | None = field("Id of the cart.", None)


class ProductAdded(_CartChanged):
    """A product went into the cart."""

    type: Literal["product_added"]


class ProductRemoved(_CartChanged):
    """A product left the cart."""

    type: Literal["product_removed"]


class _CartSeen(SiteInteraction):
    cart_id: Id | None = field("Id of the cart.", None)
    total: Money | None = field("Value of the cart.", None, unit="currency")
    currency: Currency | None = field("Currency of the total, ISO 4217.", None)


class CartViewed(_CartSeen):
    """A visitor opened the cart."""

    type: Literal["cart_viewed"]


class CheckoutStarted(_CartSeen):
    """A visitor began to check out."""

    type: Literal["checkout_started"]


class SearchPerformed(SiteInteraction):
    """A visitor searched the site."""

    type: Literal["search_performed"]
    query: Name = field("What was searched for.", purposes=(Purpose.ANALYTICS,))
    results: Count | None = field("Number of results.", None, unit="results")


class ContentRated(SiteInteraction):
    """A visitor rated content."""

    type: Literal["content_rated"]
    content_id: Id = field("Id of the content.")
    rating: int = field("Stars, 5 is best.", unit="stars", ge=1, le=5, strict=True)


class ContentCommented(SiteInteraction):
    """A visitor commented on content."""

    type: Literal["content_commented"]
    content_id: Id = field("Id of the content.")
    text: SealableText | None = field(
        "Text of the comment.", None, personal=PersonalData.IDENTIFYING, purposes=(Purpose.SERVICE,)
    )


class _ListChanged(SiteInteraction):
    list: Name = field("Mailing list, such as offers, surveys or news.")
    channel: Channel | None = field("Channel of the list.", None)


class Subscribed(_ListChanged):
    """A visitor subscribed to a list."""

    type: Literal["subscribed"]


class Unsubscribed(_ListChanged):
    """A visitor left a list."""

    type: Literal["unsubscribed"]


class FormSubmitted(SiteInteraction):
    """A visitor sent a form."""

    type: Literal["form_submitted"]
    form: Name = field("Name of the form.")


class _MessageTouched(SiteInteraction):
    message_id: Id = field("Id of the message.")
    channel: Channel | None = field("Channel of the message.", None)
    campaign: Name | None = field("Campaign of the message.", None, purposes=(Purpose.ANALYTICS,))


class MessageOpened(_MessageTouched):
    """A customer opened a message."""

    type: Literal["message_opened"]


class MessageClicked(_MessageTouched):
    """A customer followed a link in a message."""

    type: Literal["message_clicked"]


class AppOpened(SiteInteraction):
    """A customer opened the app."""

    type: Literal["app_opened"]
    version: Code | None = field("Version of the app.", None, purposes=(Purpose.ANALYTICS,))


class CustomTracked(SiteInteraction):
    """An event that only this shop knows; the tracking plan declares its properties."""

    type: Literal["custom_tracked"]
    name: Name = field("Name of the event.")
    properties: dict[Code, FlatValue] | None = field("Flat properties that the tracking plan declares.", None, max_length=50)


EVENTS = (
    PageViewed,
    PagePinged,
    ProductViewed,
    ProductAdded,
    ProductRemoved,
    CartViewed,
    CheckoutStarted,
    SearchPerformed,
    ContentRated,
    ContentCommented,
    Subscribed,
    Unsubscribed,
    FormSubmitted,
    MessageOpened,
    MessageClicked,
    AppOpened,
    CustomTracked,
)

"""Events of topic `support-ticket`: tickets, their ratings, and surveys."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Discriminator, Tag, model_validator

from schemas.envelope import Envelope
from schemas.fields import Code, Id, Name, PersonalData, Purpose, field
from schemas.sealed import SealableName, SealableText

_SERVICE = (Purpose.SCORING, Purpose.ANALYTICS, Purpose.SERVICE)
LeavingReason = Literal["expensive", "disliked_product", "bad_service", "moved_to_competitor", "no_longer_needed", "other"]
StayingReason = Literal["price", "quality", "service", "habit", "programme", "other"]
RATINGS: dict[str, frozenset[int]] = {
    "freshdesk": frozenset({103, 102, 101, 100, -101, -102, -103}),
    "stars5": frozenset(range(1, 6)),
    "thumbs": frozenset({0, 1}),
}
"""Ratings that a scale knows."""


class SupportTicket(Envelope):
    """Base of the help desk's events."""

    topic: ClassVar[str] = "support-ticket"
    default_source: ClassVar[str] = "helpdesk"


class _Ticket(SupportTicket):
    ticket_id: Id = field("Id of the ticket.", purposes=_SERVICE)


class TicketOpened(_Ticket):
    """A customer opened a ticket."""

    type: Literal["ticket_opened"]
    subject: SealableName | None = field("Subject.", None, purposes=(Purpose.SERVICE,), personal=PersonalData.IDENTIFYING)
    text: SealableText | None = field(
        "What the customer wrote.", None, purposes=(Purpose.SERVICE,), personal=PersonalData.IDENTIFYING
    )
    channel: Code | None = field("Where the ticket came in.", None, purposes=_SERVICE)
    priority: Literal["low", "medium", "high", "urgent"] | None = field("Priority.", None, purposes=_SERVICE)
    category: Name | None = field("What it is about.", None, purposes=_SERVICE)


class TicketReplied(_Ticket):
    """The customer or an agent replied."""

    type: Literal["ticket_replied"]
    by: Literal["customer", "agent"] = field("Who replied.", purposes=_SERVICE)
    text: SealableText | None = field("The reply.", None, purposes=(Purpose.SERVICE,), personal=PersonalData.IDENTIFYING)


class TicketSolved(_Ticket):
    """A ticket was solved."""

    type: Literal["ticket_solved"]


class TicketReopened(_Ticket):
    """A solved ticket was opened again."""

    type: Literal["ticket_reopened"]


class TicketClosed(_Ticket):
    """A ticket was closed for good."""

    type: Literal["ticket_closed"]


class TicketRated(_Ticket):
    """A customer rated how a ticket was served."""

    type: Literal["ticket_rated"]
    rating: int = field("The rating on its scale.", purposes=_SERVICE, strict=True)
    scale: Literal["freshdesk", "stars5", "thumbs"] = field("The scale.", purposes=_SERVICE)
    comment: SealableText | None = field("Comment.", None, purposes=(Purpose.SERVICE,), personal=PersonalData.IDENTIFYING)

    @model_validator(mode="after")
    def _on_scale(self) -> Self:
        if self.rating not in RATINGS[self.scale]:
            raise ValueError("rating is not on its scale")
        return self


class NpsAnswer(SupportTicket):
    """An answer to "would you recommend us?"."""

    type: Literal["survey_answered"]
    survey: Literal["nps"] = field("The survey.", purposes=_SERVICE)
    score: int = field("0 (never) to 10 (certainly).", purposes=_SERVICE, ge=0, le=10, strict=True)
    comment: SealableText | None = field("Comment.", None, purposes=(Purpose.SERVICE,), personal=PersonalData.IDENTIFYING)


class _ReasonAnswer(SupportTicket):
    type: Literal["survey_answered"]
    reason: str
    comment: SealableText | None = field("Comment.", None, purposes=(Purpose.SERVICE,), personal=PersonalData.IDENTIFYING)

    @model_validator(mode="after")
    def _other_is_explained(self) -> Self:
        if self.reason == "other" and not (self.comment and self.comment.strip()):
            raise ValueError("reason other requires a comment")
        return self


class LeavingAnswer(_ReasonAnswer):
    """Why a customer leaves."""

    survey: Literal["leaving"] = field("The survey.", purposes=_SERVICE)
    reason: LeavingReason = field("Reason to leave.", purposes=_SERVICE)


class StayingAnswer(_ReasonAnswer):
    """Why a customer stays."""

    survey: Literal["staying"] = field("The survey.", purposes=_SERVICE)
    reason: StayingReason = field("Reason to stay.", purposes=_SERVICE)


def _survey(event: Any) -> Any:
    return event.get("survey") if isinstance(event, dict) else event.survey


SurveyAnswered = Annotated[
    Annotated[NpsAnswer, Tag("nps")] | Annotated[LeavingAnswer, Tag("leaving")] | Annotated[StayingAnswer, Tag("staying")],
    Discriminator(
        _survey,
        custom_error_type="survey_unknown",
        custom_error_message="survey must be nps, leaving or staying",  # pydantic's own message repeats the value
    ),
]

EVENTS = (TicketOpened, TicketReplied, TicketSolved, TicketReopened, TicketClosed, TicketRated)
SURVEYS = (NpsAnswer, LeavingAnswer, StayingAnswer)

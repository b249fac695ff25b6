"""Events of topic `customer`: who a customer is, and which identifiers belong together."""

from typing import ClassVar, Literal

from schemas.envelope import Envelope, IdentifierType
from schemas.fields import Code, Contract, Count, Currency, Edge, Id, Money, Name, PersonalData, Purpose, field
from schemas.sealed import SealableCode, SealableName

_CONTACT = (Purpose.SERVICE, Purpose.ADVERTISING)
_FIT = (Purpose.SCORING, Purpose.ANALYTICS)
Role = Literal["owner", "director", "manager", "specialist", "administrator", "support", "student", "other"]


class Traits(Contract):
    """What is known of a customer; per trait the last write by event time wins."""

    name: SealableName | None = field("Full name.", None, purposes=_CONTACT, personal=PersonalData.IDENTIFYING)
    email: SealableName | None = field("E-mail address.", None, purposes=_CONTACT, personal=PersonalData.IDENTIFYING)
    phone: SealableCode | None = field("Telephone number.", None, purposes=_CONTACT, personal=PersonalData.IDENTIFYING)
    birth_date: SealableCode | None = field(
        "Full birth date.", None, purposes=(Purpose.LOYALTY,), personal=PersonalData.IDENTIFYING
    )
    city: Name | None = field("City.", None, purposes=_FIT, personal=PersonalData.ATTRIBUTE)
    country: Code | None = field("Country.", None, purposes=_FIT, personal=PersonalData.ATTRIBUTE)
    company: Name | None = field("Company.", None, purposes=_FIT, personal=PersonalData.ATTRIBUTE)
    industry: Name | None = field("Industry of the company.", None, purposes=_FIT, personal=PersonalData.ATTRIBUTE)
    employees: Count | None = field(
        "Size of the company.", None, purposes=_FIT, personal=PersonalData.ATTRIBUTE, unit="employees"
    )
    role: Role | None = field("Role in the company.", None, purposes=_FIT, personal=PersonalData.ATTRIBUTE)
    budget: Money | None = field("Budget.", None, purposes=_FIT, personal=PersonalData.ATTRIBUTE, unit="currency")
    currency: Currency | None = field("Currency of the budget, ISO 4217.", None, purposes=_FIT)
    preferences: list[Name] | None = field(
        "What the customer likes.", None, purposes=_FIT, personal=PersonalData.ATTRIBUTE, max_length=100
    )


class Customer(Envelope):
    """Base of the events about customers themselves."""

    topic: ClassVar[str] = "customer"
    default_source: ClassVar[str] = "crm"

    customer_id: Id = field("Id of the customer.", personal=PersonalData.ATTRIBUTE)


class CustomerIdentified(Customer):
    """A visitor turned out to be a customer."""

    type: Literal["customer_identified"]
    traits: Traits | None = field("What is known of the customer.", None, personal=PersonalData.IDENTIFYING)


class TraitsChanged(Envelope):
    """Something became known of a customer or visitor."""

    topic: ClassVar[str] = "customer"
    default_source: ClassVar[str] = "crm"

    type: Literal["traits_changed"]
    traits: Traits = field("What became known.", personal=PersonalData.IDENTIFYING)


class IdentityLinked(Customer):
    """An identifier belongs to a customer."""

    type: Literal["identity_linked"]
    id_type: IdentifierType = field("Kind of identifier.")
    id_value: Name = field("The identifier itself.", personal=PersonalData.IDENTIFYING, min_length=1, edge=Edge.HASHED)


class _Merge(Customer):
    merged_id: Id = field("Id that goes into, or leaves, the survivor.", personal=PersonalData.ATTRIBUTE)


class CustomersMerged(_Merge):
    """Two ids are one customer; `customer_id` survives."""

    type: Literal["customers_merged"]


class CustomersUnmerged(_Merge):
    """Two ids were not one customer after all."""

    type: Literal["customers_unmerged"]


EVENTS = (CustomerIdentified, TraitsChanged, IdentityLinked, CustomersMerged, CustomersUnmerged)

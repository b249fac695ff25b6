"""Why a record did not become a scored event. Append only: codes are stored, counted and searched for."""

from enum import StrEnum


class ReasonCode(StrEnum):
    """Reasons of dead letters; the runbook (`docs/runbook.md`) has a line for each."""

    EMPTY = "empty"
    TOO_LARGE = "too_large"
    INVALID_UTF8 = "invalid_utf8"
    MALFORMED_JSON = "malformed_json"
    TOO_DEEP = "too_deep"
    NOT_AN_OBJECT = "not_an_object"
    UNKNOWN_TYPE = "unknown_type"
    UNKNOWN_VERSION = "unknown_version"
    WRONG_TOPIC = "wrong_topic"
    INVALID_FIELD = "invalid_field"
    MISSING_IDENTITY = "missing_identity"
    RESERVED_IDENTITY = "reserved_identity"
    ABSURD_TIME = "absurd_time"
    WRONG_PARTITION = "wrong_partition"
    REFUSED_ROW = "refused_row"
    BLOCKED_IDENTITY = "blocked_identity"
    TOO_MANY_HOPS = "too_many_hops"
    PLAIN_IDENTIFYING_FIELD = "plain_identifying_field"


class DropCode(StrEnum):
    """Reasons why a valid event changed nothing."""

    DUPLICATE_EVENT = "duplicate_event"
    PROCESSING_BLOCKED = "processing_blocked"
    DUPLICATE_PURCHASE = "duplicate_purchase"
    DUPLICATE_REFUND = "duplicate_refund"


class Stage(StrEnum):
    """Where in the journey a record was rejected."""

    ADMIT = "admit"
    RESOLVE = "resolve"
    PERMIT = "permit"
    LOAD = "load"

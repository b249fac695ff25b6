"""Transaction requests at version 3 for aiokafka 0.14, which ships version 0 only; offsets are fetched at version 7.

Version 3 of TxnOffsetCommit carries the generation and member id of the group (KIP-447), so that the broker itself
refuses offsets from a worker whose partitions have moved on. Version 7 of OffsetFetch waits for offsets that are part of
a transaction which has not ended: read too early, its records would be concluded twice.
"""

from collections.abc import Callable
from typing import Any

import aiokafka.protocol.commit as commits
import aiokafka.protocol.transaction as requests
from aiokafka.producer import sender
from aiokafka.protocol.api import RequestStruct, Response
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Int64,
    Schema,
    TaggedFields,
)

GroupMember = tuple[int, str, str | None]
"""Generation, member id, instance id."""
NO_MEMBER: GroupMember = (-1, "", None)

_STRING = CompactString("utf-8")
_TAGS = ("tags", TaggedFields)
_PRODUCER = (("producer_id", Int64), ("producer_epoch", Int16))
_TRANSACTION = ("transactional_id", _STRING)
_THROTTLE = ("throttle_time_ms", Int32)
_ERROR = ("error_code", Int16)
_NEXT_TRANSACTION_SECS = 0.002
"""Pause before a transaction is begun once more while the broker completes the one before; aiokafka's 20 ms are latency."""
_UNSTABLE = 88
"""A transaction with this offset has not ended."""
_LOADING = 14
"""The coordinator is not ready: aiokafka asks again."""


class _Untagged(CompactArray):  # type: ignore[misc]  # aiokafka is untyped
    """Array of structs whose trailing tag section is dropped, so that aiokafka's readers of version 0 fit."""

    def decode(self, data: Any) -> list[Any]:
        return [struct[:-1] for struct in super().decode(data) or []]


def _by_partition(name: str) -> tuple[Any, ...]:
    partitions = _Untagged(("partition", Int32), _ERROR, _TAGS)
    return (_THROTTLE, (name, _Untagged(("topic", _STRING), ("partition_errors", partitions), _TAGS)), _TAGS)


class _Committed(_Untagged):
    """Partitions with offset, metadata and error, as readers of version 3 take them: without the leader's epoch."""

    def decode(self, data: Any) -> list[Any]:
        return [
            (partition, offset, metadata or "", _LOADING if error == _UNSTABLE else error)
            for partition, offset, _leader_epoch, metadata, error in super().decode(data)
        ]


def _upgrade(
    request: Any, version: int, response: tuple[Any, ...], fields: tuple[Any, ...], values: Callable[[Any], Any]
) -> None:
    """Teach `request` to be sent at `version`, flexible encoding, by brokers that know it."""
    api = {"API_KEY": request.API_KEY, "API_VERSION": version}
    answer = type("UpgradedResponse", (Response,), {**api, "SCHEMA": Schema(*response)})
    flexible = {**api, "RESPONSE_TYPE": answer, "FLEXIBLE_VERSION": True, "SCHEMA": Schema(*fields)}
    struct = type("UpgradedRequest", (RequestStruct,), flexible)
    build = request.build

    def build_upgraded(self: Any, chosen: Any) -> Any:
        return chosen(*values(self), {}) if chosen is struct else build(self, chosen)

    request._CLASSES = (*request._CLASSES, struct)
    request.build = build_upgraded


def install(member: Callable[[], GroupMember]) -> None:
    """Send transaction requests of this process at version 3, from before a producer starts; a second call changes nothing.

    Args:
        member: Returns the group membership that offsets are committed under.
    """
    if any(known.API_VERSION == 3 for known in requests.EndTxnRequest._CLASSES):
        return
    plain = (_THROTTLE, _ERROR, _TAGS)
    _upgrade(
        requests.InitProducerIdRequest,
        3,
        (_THROTTLE, _ERROR, *_PRODUCER, _TAGS),
        (_TRANSACTION, ("timeout", Int32), *_PRODUCER, _TAGS),
        lambda r: (r._transactional_id, r._transaction_timeout_ms, -1, -1),
    )
    topics = CompactArray(("topic", _STRING), ("partitions", CompactArray(Int32)), _TAGS)
    _upgrade(
        requests.AddPartitionsToTxnRequest,
        3,
        _by_partition("errors"),
        (_TRANSACTION, *_PRODUCER, ("topics", topics), _TAGS),
        lambda r: (*_identity(r), [(topic, list(partitions), {}) for topic, partitions in r._topics]),
    )
    _upgrade(
        requests.AddOffsetsToTxnRequest,
        3,
        plain,
        (_TRANSACTION, *_PRODUCER, ("group_id", _STRING), _TAGS),
        lambda r: (*_identity(r), r._group_id),
    )
    _upgrade(
        requests.EndTxnRequest,
        3,
        plain,
        (_TRANSACTION, *_PRODUCER, ("result", Boolean), _TAGS),
        lambda r: (*_identity(r), r._transaction_result),
    )
    _upgrade_offset_commit(member)
    _upgrade_offset_fetch()
    sender.BACKOFF_OVERRIDE = _NEXT_TRANSACTION_SECS


def _upgrade_offset_fetch() -> None:
    committed = _Committed(
        ("partition", Int32), ("offset", Int64), ("leader_epoch", Int32), ("metadata", _STRING), _ERROR, _TAGS
    )
    _upgrade(
        commits.OffsetFetchRequest,
        7,
        (_THROTTLE, ("topics", _Untagged(("topic", _STRING), ("partitions", committed), _TAGS)), _ERROR, _TAGS),
        (
            ("group_id", _STRING),
            ("topics", CompactArray(("topic", _STRING), ("partitions", CompactArray(Int32)), _TAGS)),
            ("require_stable", Boolean),
            _TAGS,
        ),
        lambda r: (r._consumer_group, _topics(r._partitions), True),
    )


def _topics(partitions: list[tuple[str, list[int]]] | None) -> list[tuple[str, list[int], dict[int, bytes]]] | None:
    """Return the topics to ask for; None asks for all."""
    return None if partitions is None else [(topic, list(numbers), {}) for topic, numbers in partitions]


def _upgrade_offset_commit(member: Callable[[], GroupMember]) -> None:
    offsets = CompactArray(("partition", Int32), ("offset", Int64), ("leader_epoch", Int32), ("metadata", _STRING), _TAGS)
    _upgrade(
        requests.TxnOffsetCommitRequest,
        3,
        _by_partition("errors"),
        (
            _TRANSACTION,
            ("group_id", _STRING),
            *_PRODUCER,
            ("generation_id", Int32),
            ("member_id", _STRING),
            ("group_instance_id", _STRING),
            ("topics", CompactArray(("topic", _STRING), ("partitions", offsets), _TAGS)),
            _TAGS,
        ),
        lambda r: (
            r._transactional_id,
            r._group_id,
            r._producer_id,
            r._producer_epoch,
            *member(),
            [(topic, [(p, offset, -1, note, {}) for p, offset, note in rows], {}) for topic, rows in r._topics],
        ),
    )


def _identity(request: Any) -> tuple[str, int, int]:
    return request._transactional_id, request._producer_id, request._producer_epoch

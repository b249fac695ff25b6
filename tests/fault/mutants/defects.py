"""Defects that the fault suite must catch, each put into a running worker in place of one promise."""

import re
import time
from typing import Any

from aiokafka.consumer.fetcher import Fetcher
from clickhouse_connect.driver.asyncclient import AsyncClient

from streams import epochs as product
from streams.kafka.topics import ENRICHED
from streams.profiles import Partition


def _steps() -> dict[str, Any]:
    return {step.__name__.strip("_"): step for step in product.STEPS}


def _set_steps(*steps: Any) -> None:
    product.STEPS = steps


async def _commit_plainly(epochs: Any, epoch: Any) -> None:
    if epoch.offsets:
        await epochs.app.consumer.commit_offsets(epoch.offsets, epochs._note)


def offsets_before_the_changelog() -> None:
    """The group's offsets are committed first; the transaction holds outputs and changelog only."""
    steps = _steps()
    _set_steps(_commit_plainly, *(step for name, step in steps.items() if name != "add_offsets"))


def outputs_after_the_epoch() -> None:
    """The epoch's transaction holds changelog and offsets; the outputs follow in one of their own."""
    steps = _steps()

    async def send_changelog(epochs: Any, epoch: Any) -> None:
        await steps["send"](epochs, epoch._replace(outputs=[]))

    async def send_outputs(epochs: Any, epoch: Any) -> None:
        await steps["begin"](epochs, epoch)
        await steps["send"](epochs, epoch._replace(changelog=[]))
        await steps["end"](epochs, epoch._replace(offsets={}))

    _set_steps(*(send_changelog if name == "send" else step for name, step in steps.items()), send_outputs)


def seq_ignored_on_restore() -> None:
    """The last record of a key wins, whoever wrote it."""

    def restore(self: Any, key: bytes, value: bytes | None) -> None:
        if value is None:
            self.rows.pop(key.decode(), None)
        else:
            self.rows[key.decode()] = value

    Partition.restore = restore


def no_transaction() -> None:
    """Outputs and changelog are visible as soon as they are sent; the offsets are committed in the end."""

    class PlainProducer(product.AIOKafkaProducer):
        def __init__(self, **options: Any) -> None:
            del options["transactional_id"], options["transaction_timeout_ms"]
            super().__init__(**options)

        async def begin_transaction(self) -> None:
            """Nothing begins."""

        async def send_offsets_to_transaction(self, *_: Any) -> None:
            """Offsets come last."""

        async def commit_transaction(self) -> None:
            """Everything is visible already."""

    product.AIOKafkaProducer = PlainProducer
    _set_steps(*product.STEPS, _commit_plainly)


def _mutate_inserts(change: Any) -> None:
    """Let `change` look at the arguments of every insert just before it is sent."""
    insert = AsyncClient.raw_insert

    async def changed(self: Any, table: str, **options: Any) -> Any:
        change(options)
        return await insert(self, table, **options)

    AsyncClient.raw_insert = changed


def no_token() -> None:
    """No two attempts have the same name. (Without any name, ClickHouse would know a block by its hash.)"""

    def change(options: dict[str, Any]) -> None:
        options["settings"] = {**options["settings"], "insert_deduplication_token": str(time.monotonic_ns())}

    _mutate_inserts(change)


def loaded_at_from_the_clock() -> None:
    """Rows say when they were sent, not which batch they belong to."""

    def change(options: dict[str, Any]) -> None:
        now = b'"loaded_at":%d' % int(time.time())
        options["insert_block"] = re.sub(rb'"loaded_at":\d+', now, options["insert_block"])

    _mutate_inserts(change)


def fetcher_fails() -> None:
    """The task of aiokafka's that fetches for the loader ends by an error, of which nobody is told."""
    act = Fetcher._get_actions_per_node

    def failing(self: Any, assignment: Any) -> Any:
        return act(self, assignment) if all(tp.topic != ENRICHED for tp in assignment.tps) else 1 // 0

    Fetcher._get_actions_per_node = failing

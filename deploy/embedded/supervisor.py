"""Starts the processes of a stack in order, keeps them running, stops them in reverse."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from deploy.embedded.child import Child, Program
from deploy.embedded.programs import (
    Plan,
    broker_program,
    clickhouse_program,
    collector_program,
    port_is_taken,
    worker_program,
)
from deploy.embedded.state import StackState, alive, read_state, remove_state, write_state

_READY_SECS = 90.0
_AGAIN_SECS = 1.0
_FETCH_SECS = 600.0
"""Apache Kafka's artifacts are fetched at the first start."""

Prepare = Callable[[Plan], None]


class StackError(Exception):
    """The stack can not start; the message says why and what to do."""


class Supervisor:
    """The stack of one data folder.

    Args:
        plan: What it is made of.
        prepare: Creates topics and tables once broker and ClickHouse answer; called again after the embedded broker,
            which keeps nothing, has been started again.
        say: Told what happens, one line each.
    """

    def __init__(self, plan: Plan, prepare: Prepare, say: Callable[[str], None]) -> None:
        self._plan = plan
        self._prepare = prepare
        self._say = say
        self._children: dict[str, Child] = {}
        self._broker_pid = 0
        self._ready = False
        self._again: asyncio.Task[None] | None = None

    @property
    def state(self) -> StackState:
        """What the stack tells about itself."""
        plan = self._plan
        workers = [("scorer", slot) for slot in range(plan.scorers)] + [("loader", slot) for slot in range(plan.loaders)]
        return StackState(
            kafka=plan.kafka,
            clickhouse=plan.clickhouse,
            collector=plan.collector,
            partitions=plan.partitions,
            broker_isolates=plan.broker_isolates,
            metrics={
                f"{kind}-{slot}": f"http://127.0.0.1:{plan.metrics_port(kind, slot)}/metrics" for kind, slot in workers
            },
            pids={name: child.pid for name, child in self._children.items()},
            supervisor=os.getpid(),
            ready=self._ready,
        )

    async def start(self) -> None:
        """Start everything; returns once all of it is ready.

        Raises:
            StackError: A port is taken, a stack runs here already, or a process does not get ready.
        """
        plan = self._plan
        _refuse_second(plan.data)
        if taken := [port for port in plan.ports() if port_is_taken(port)]:
            raise StackError(f"port {taken[0]} is taken; end what listens there, or choose other ports with --port-base")
        (plan.data / "logs").mkdir(parents=True, exist_ok=True)
        await asyncio.gather(self._run(broker_program(plan)), self._run(clickhouse_program(plan)))
        self._say("creating topics and tables")
        await asyncio.to_thread(self._prepare, plan)
        await self._start_workers()
        self._broker_pid = self._children["broker"].pid
        self._ready = True
        self._publish()

    async def stop(self) -> None:
        """Stop everything: the door first, then the workers, so that they commit what they have."""
        if self._again is not None:
            self._again.cancel()
        for names in (("collector",), ("scorer",), ("loader",), ("broker", "clickhouse")):
            await asyncio.gather(*(child.stop() for name, child in self._children.items() if name.split("-")[0] in names))
        if self._children:  # else the state is that of another stack, which refused us
            remove_state(self._plan.data)

    async def _start_workers(self) -> None:
        plan = self._plan
        kinds: list[tuple[Literal["scorer", "loader"], int]] = [("scorer", plan.scorers), ("loader", plan.loaders)]
        workers = [worker_program(plan, kind, slot) for kind, number in kinds for slot in range(number)]
        await asyncio.gather(*map(self._run, [*workers, collector_program(plan)]))

    async def _run(self, program: Program) -> None:
        self._say(f"starting {program.name}")
        child = Child(program, self._plan.data / "logs" / f"{program.name}.log", self._publish)
        self._children[program.name] = child
        child.start()
        fetches = program.name == "broker" and self._plan.broker == "kafka"
        if not await child.wait_ready(_FETCH_SECS if fetches else _READY_SECS):
            raise StackError(f"{program.name} did not get ready: {child.last_words()[:300]} (see {child.log})")

    def _publish(self) -> None:
        """Write the state after a start or end; an embedded broker that lost everything needs its topics again."""
        broker = self._children.get("broker")
        lost = self._ready and broker and self._plan.broker == "embedded" and broker.pid != self._broker_pid
        if lost:
            self._ready = False
            self._again = asyncio.create_task(self._begin_again())
        write_state(self._plan.data, self.state)

    async def _begin_again(self) -> None:
        """Give a new embedded broker its topics, and start the workers from nothing."""
        self._say("the embedded broker was started again: what was not loaded yet is lost")
        broker, began_with = self._children["broker"], 0
        while began_with != broker.pid:  # it may end once more meanwhile
            began_with = broker.pid
            try:
                await self._begin_with_broker(broker)
            except Exception as error:  # whatever it was, the stack must come back
                self._say(f"could not begin again: {' '.join(str(error).split())[:200]}")
                began_with = 0
                await asyncio.sleep(_AGAIN_SECS)
        self._ready = True
        self._broker_pid = began_with
        self._publish()

    async def _begin_with_broker(self, broker: Child) -> None:
        workers = [name for name in self._children if name.startswith(("scorer", "loader", "collector"))]
        await asyncio.gather(*(self._children[name].stop() for name in workers))
        if not await broker.wait_ready(_READY_SECS):
            raise StackError("the broker does not get ready")
        await asyncio.to_thread(self._prepare, self._plan)
        await self._start_workers()


def _refuse_second(data: Path) -> None:
    state = read_state(data)
    if state is not None and alive(state.supervisor):
        raise StackError(f"a stack runs in {data} already (pid {state.supervisor}); end it with `warmth down --data {data}`")

"""Each promise is broken once on purpose: the scenario that the product passes must then fail, and for that reason."""

import asyncio

import pytest

from tests.fault.ground import Ground
from tests.fault.test_loader import cut_each_table, retry_in_another_month
from tests.fault.test_scorer import kill_at
from tests.fault.test_stale import force_a_stale_record
from tests.support.proxy import CUT_ANSWER

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(600)]


@pytest.mark.parametrize(
    ("mutant", "step", "what"),
    [
        ("offsets_before_the_changelog", "begin", "records without an outcome"),
        ("outputs_after_the_epoch", "end", "records without an outcome"),
        ("no_transaction", "send", "records with several outcomes"),
    ],
)
async def test_a_scorer_with_a_defect_is_caught(own_ground: Ground, mutant: str, step: str, what: str) -> None:
    scorer = own_ground.scorer(MUTANT=mutant)
    own_ground.loader()
    await asyncio.to_thread(own_ground.fleet.wait_ready)
    await kill_at(own_ground, scorer, step)
    with pytest.raises(AssertionError, match=what):
        await own_ground.verify()


async def test_a_restore_that_ignores_seq_is_caught(own_ground: Ground) -> None:
    own_ground.scorer(MUTANT="seq_ignored_on_restore")
    own_ground.loader()
    await force_a_stale_record(own_ground)
    with pytest.raises(AssertionError, match=r"score change|profile"):
        await own_ground.verify()


async def test_inserts_without_a_token_are_caught(own_ground: Ground) -> None:
    own_ground.scorer()
    own_ground.loader(MUTANT="no_token")
    await asyncio.to_thread(own_ground.fleet.wait_ready)
    await cut_each_table(own_ground, CUT_ANSWER)
    with pytest.raises(AssertionError, match="table"):
        await own_ground.verify()


async def test_a_view_that_remembers_no_token_is_caught(own_ground: Ground) -> None:
    await own_ground.start_workers()
    own_ground.ask_nothing("ALTER TABLE customer_daily MODIFY SETTING non_replicated_deduplication_window = 0")
    await cut_each_table(own_ground, CUT_ANSWER)
    with pytest.raises(AssertionError, match="rollup customer_daily"):
        await own_ground.verify()


async def test_a_load_time_from_the_clock_is_caught(own_ground: Ground) -> None:
    own_ground.scorer()
    own_ground.loader(MUTANT="loaded_at_from_the_clock")
    await asyncio.to_thread(own_ground.fleet.wait_ready)
    await retry_in_another_month(own_ground)
    with pytest.raises(AssertionError, match="table"):
        await own_ground.verify()

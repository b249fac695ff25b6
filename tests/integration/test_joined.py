"""One person, one profile, on running stacks: whichever name comes first, whichever partition goes on first."""

import json
import time

import pytest

from tests.integration.conftest import BROKERS
from tests.reference.households import Households
from tests.support.clients import produce
from tests.support.joined import verify_joined
from tests.support.stack import Stack
from tests.support.verify import RULES


@pytest.mark.parametrize("broker", BROKERS)
async def test_everybody_is_one_profile_with_all_that_they_did(stack: Stack) -> None:
    records = Households(5, 100, int(time.time() * 1000)).records(4_000, 0.01)
    await produce(stack.kafka, [record[:3] for record in records])
    stack.wait_until_read()
    judge = await verify_joined(stack, records)
    assert len(judge.profiles) == 140, "of five people two have two profiles left"
    for name in ("d-0", "v-0", "w-0", "One.0@shop.example", "4 000-000-000"):
        assert json.loads(stack.run("profile", name, "--json").stdout)["customer_key"] == "c-0", name
    tried = json.loads(stack.run("rules", "try", str(RULES), "--json").stdout)
    assert (tried["customers"], tried["changed"]) == (sum(bool(one.events) for one in judge.profiles.values()), 0)
    done = stack.run("reconcile", "--json", check=False)
    assert done.returncode == 0, done.stdout

"""Whatever the published description allows, and what it does not: never a 500, and never a 200 for what is not stored."""

import contextlib

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from tests.support.clients import query
from tests.support.stack import Stack

pytestmark = [pytest.mark.embedded, pytest.mark.filterwarnings("ignore::DeprecationWarning")]
EXAMPLES = 8
KNOWN = {200, 400, 401, 404, 405, 406, 413, 422, 429}


def test_the_description_is_published_and_every_answer_is_one_of_its_kinds(shared: Stack) -> None:
    document = httpx.get(f"{shared.collector}/openapi.json").json()
    assert "/v1/profiles/{id}" in document["paths"]
    schema, taken, asked = schemathesis.openapi.from_dict(document), 0, 0
    modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    with httpx.Client(base_url=shared.collector, timeout=20) as client:
        for operation in (result.ok() for result in schema.get_all_operations()):
            for mode in modes:

                @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
                @given(case=operation.as_strategy(generation_mode=mode))
                def answers(case: schemathesis.Case) -> None:
                    nonlocal taken, asked
                    said = case.as_transport_kwargs(base_url=shared.collector)
                    headers = {**(said.get("headers") or {}), "X-Write-Key": "k"}
                    asked += 1
                    answer = client.request(
                        said["method"], said["url"], params=said.get("params"), json=said.get("json"),
                        content=said.get("data") if isinstance(said.get("data"), (bytes, str)) else None, headers=headers,
                    )  # fmt: skip
                    assert answer.status_code in KNOWN, (answer.status_code, said, answer.text)
                    if case.method == "POST" and answer.status_code == 200:
                        stored = answer.json()
                        assert stored["success"] is True
                        taken += len(stored.get("rejected", ()))
                    elif answer.status_code != 200 and "code" not in answer.text:
                        assert "detail" in answer.text, answer.text

                with contextlib.suppress(Unsatisfiable):  # an operation without parameters, which no request violates
                    answers()
    assert asked > 150
    shared.wait_until_read()
    rejected = query(shared.clickhouse, "SELECT count() FROM outcomes WHERE outcome = 'rejected'")[0][0]
    assert rejected >= taken, "what was said to be a dead letter is one"
    assert shared.status()["ready"]

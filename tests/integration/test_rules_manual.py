"""docs/rules.md up to the published rule: the commands that need a running stack, too."""

import pytest

from tests.support.clients import consume
from tests.support.manual import follow
from tests.support.stack import Stack


@pytest.mark.parametrize("broker", [pytest.param("embedded", marks=pytest.mark.embedded)])
async def test_the_page_is_true_to_its_end(stack: Stack, tmp_path) -> None:
    folder = tmp_path / "reader"
    folder.mkdir()
    assert follow("rules.md", folder, stack.folder) >= 11
    assert len(await consume(stack.kafka, "warmth-rules")) == 1, "what makes no difference is not published"

"""An arena on the session's Redis, whose event and truth streams are consumed in the background."""

from collections.abc import AsyncIterator

import pytest

from tests.feedback.conftest import Setting
from tests.feedback.evidence.arena import Arena
from tests.state.background import running


@pytest.fixture
async def arena(setting: Setting) -> AsyncIterator[Arena]:
    """Nothing is folded until the test says so."""
    await setting.parts.ownership.round()
    works = setting.parts.works
    async with running(works["draws"](), works["truths"]()):
        yield Arena(setting)

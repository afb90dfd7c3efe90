"""Doctors in words, known to the suite of the stories."""

from collections.abc import AsyncIterator

import pytest
from turnout.router.v1 import model_service_pb2 as models

from tests.models.chat_server import chat_server
from tests.stories.asking import SECONDS
from tests.stories.ensembles.surgery import Surgery, registrations
from tests.stories.suite import Suite


@pytest.fixture(scope="package")
async def surgery(suite: Suite) -> AsyncIterator[Surgery]:
    """A chat server with its models registered."""
    register = suite.client("router").unary("turnout.router.v1.ModelService", "RegisterModel")
    async with chat_server() as server:
        for model in registrations(server.url):
            await register(models.RegisterModelRequest(model=model), timeout=SECONDS)
        yield Surgery(server)

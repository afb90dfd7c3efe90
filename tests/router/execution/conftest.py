"""What was logged, for tests of how decisions are carried out."""

import pytest

from services.state.connection import Connections
from tests.router.execution.acting import Log


@pytest.fixture
def log(connections: Connections) -> Log:
    """The event streams of the tests' Redis."""
    return Log(connections)

"""The examples in the docstrings are true."""

import doctest
from importlib import import_module
from pathlib import Path

import pytest

import services.state

ROOM = Path(services.state.__file__).parent
MODULES = sorted(path.stem for path in ROOM.glob("*.py") if ">>> " in path.read_text())


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    outcome = doctest.testmod(import_module(f"services.state.{name}"))
    assert outcome.attempted > 0
    assert outcome.failed == 0

"""What the transport is told: it takes an option that it does not know without a word."""

import importlib
import re
from pathlib import Path

from services.foundation import server

OPTION = re.compile(rb"\"(grpc\.[a-z0-9_.]+)\"")


def test_the_library_knows_every_option_that_it_is_given() -> None:
    told = {
        name
        for path in Path(server.__file__).parents[1].rglob("*.py")
        for name in OPTION.findall(path.read_bytes())
    }
    library = Path(str(importlib.import_module("grpc._cython.cygrpc").__file__)).read_bytes()
    assert len(told) > 10
    assert {name.decode() for name in told if name + b"\0" not in library} == set()

"""Reasons: the proto enum, the classes that carry them, and the page that explains them, say the same."""

import importlib
import pkgutil
import re
from pathlib import Path

from turnout.inference.v1.error_reason_pb2 import ErrorReason

import services
from services.foundation.errors import TurnoutError

PAGE = Path(__file__).parents[2] / "docs/failures.md"
REASONS = {name.removeprefix("ERROR_REASON_") for name in ErrorReason.DESCRIPTOR.values_by_name} - {
    "UNSPECIFIED"
}
FAMILIES = "services.foundation.errors"


def errors(kind: type[TurnoutError] = TurnoutError) -> set[type[TurnoutError]]:
    for module in pkgutil.walk_packages(services.__path__, "services."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found, left = set[type[TurnoutError]](), [kind]
    while left:
        one = left.pop()
        found.add(one)
        left += one.__subclasses__()
    return {one for one in found if one.__module__.startswith("services.") and one.__module__ != FAMILIES}


def test_every_error_carries_a_reason_of_the_contract() -> None:
    assert {one.__name__: one.reason for one in errors() if one.reason not in REASONS} == {}


def test_what_state_calls_an_error_nobody_calls_another() -> None:
    """Whoever catches one of two that are called alike, misses the other."""
    shared = {one.__name__ for one in errors() if one.__module__.startswith("services.state.")}
    assert {one for one in errors() if one.__name__ in shared and ".state." not in one.__module__} == set()


def test_the_page_explains_every_reason_with_its_code() -> None:
    rows = dict(re.findall(r"^\| ([A-Z_]+) \| ([A-Z_]+) \|", PAGE.read_text(), re.MULTILINE))
    assert rows.keys() == REASONS


def test_the_code_of_an_error_is_the_one_its_reason_promises() -> None:
    rows = dict(re.findall(r"^\| ([A-Z_]+) \| ([A-Z_]+) \|", PAGE.read_text(), re.MULTILINE))
    differing = {
        one.__name__: one.code for one in errors() if one.code not in (rows[one.reason], "CANCELLED")
    }
    assert differing == {}

"""What is taken is not nested more deeply than whoever reads it can follow."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
import turnout
from google.protobuf.descriptor import Descriptor
from google.protobuf.struct_pb2 import Struct, Value
from turnout.drift.v1.logging_pb2 import ListPredictionsResponse

from services.foundation.nesting import DEEPEST, is_too_deep
from tests.nested import nested

# Messages within each other that readers of protobuf take.
READ = 100
JSON = (Struct.DESCRIPTOR.full_name, Value.DESCRIPTOR.full_name)


@pytest.mark.parametrize("objects", [True, False])
def test_both_sides_of_the_limit(objects: bool) -> None:
    assert not is_too_deep(nested(0, objects=objects))
    assert not is_too_deep(nested(DEEPEST, objects=objects))
    assert is_too_deep(nested(DEEPEST + 1, objects=objects))


def test_an_object_is_a_level_and_all_that_it_holds_counts() -> None:
    given = Struct()
    given.fields["shallow"].number_value = 1
    given.fields["deep"].CopyFrom(nested(DEEPEST - 1))
    assert not is_too_deep(given)
    given.fields["deep"].CopyFrom(nested(DEEPEST))
    assert is_too_deep(given)


@pytest.mark.parametrize("place", ["json", "tools"])
def test_the_deepest_that_is_taken_is_read_where_it_is_listed(place: str) -> None:
    listed = ListPredictionsResponse()
    event = listed.predictions.add().prediction.event
    # An empty object inside is one more.
    deepest = nested(DEEPEST)
    innermost = deepest
    while innermost.WhichOneof("kind") == "struct_value":
        innermost = innermost.struct_value.fields["in"]
    innermost.struct_value.SetInParent()
    if place == "json":
        event.outputs.add().output.json.CopyFrom(deepest)
    else:
        event.content.chat.tools.add().CopyFrom(deepest.struct_value)
    assert ListPredictionsResponse.FromString(listed.SerializeToString()) == listed


def depths(message: Descriptor, around: tuple[Descriptor, ...] = ()) -> Iterator[int]:
    """In how many messages JSON stands, wherever it does in one; what is within itself is followed once."""
    around = (*around, message)
    for field in message.fields:
        inner = field.message_type
        if inner is not None and inner.full_name in JSON:
            yield len(around)
        elif inner is not None and inner not in around:
            yield from depths(inner, around)


def test_no_message_of_the_contract_holds_it_deeper() -> None:
    (folder,) = map(Path, turnout.__path__)
    names = [path.relative_to(folder.parent).with_suffix("") for path in folder.rglob("*_pb2.py")]
    files = [import_module(".".join(name.parts)).DESCRIPTOR for name in names]
    found = [depth for file in files for one in file.message_types_by_name.values() for depth in depths(one)]
    # In each level an object, an entry of it and a value; around them one, and inside an empty object.
    assert 6 < max(found) <= READ - 3 * DEEPEST - 1

"""A message that is taken for a known one reads as that one does, whatever its contents are."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inference.open_inference_pb2 import ModelInferRequest

from services.models.alike import (
    LONGEST,
    MOST_ALIKE,
    MOST_BYTES,
    MOST_CONTENTS,
    MOST_LENGTHS,
    Alike,
    around,
    filled,
)
from services.models.framing import delimited

RAW = ModelInferRequest.RAW_INPUT_CONTENTS_FIELD_NUMBER


def alike() -> Alike[str]:
    return Alike(ModelInferRequest, "raw_input_contents")


def message(*contents: bytes, name: str = "m", version: str = "") -> bytes:
    request = ModelInferRequest(model_name=name, model_version=version, raw_input_contents=contents)
    return request.SerializeToString()


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=4))
def test_a_message_with_other_contents_of_the_same_lengths_is_found(contents: list[bytes]) -> None:
    memory = alike()
    memory.learn(message(*contents), "first")
    others = [bytes(byte ^ 0xFF for byte in content) for content in contents]
    found = memory.find(message(*others))
    assert found is not None
    known, parts = found
    assert known == "first"
    assert list(parts[1::2]) == others
    assert b"".join(parts) == message(*others)


@pytest.mark.parametrize(
    "other",
    [
        message(b"12", b"3456"),
        message(b"1234", b"56"),
        message(b"1", b"23456"),
        message(b"123", b"456", name="n"),
        message(b"123", b"456", version="7"),
        message(b"123"),
        message(b"123456789"),
        message(),
        b"",
    ],
)
def test_no_other_message_is(other: bytes) -> None:
    memory = alike()
    memory.learn(message(b"123", b"456"), "known")
    assert memory.find(other) is None


def test_what_is_put_around_the_contents_is_what_was_made_of_the_first() -> None:
    """And as much of it as there are contents."""
    memory = alike()
    made = message(b"123", b"456", name="another, longer name")
    memory.learn(message(b"123", b"456"), "known")
    found = memory.find(message(b"abc", b"def"))
    assert found is not None
    assert filled(around(made, RAW, [b"123", b"456"]), found[1]) == message(
        b"abc", b"def", name="another, longer name"
    )
    with pytest.raises(ValueError, match="size"):
        filled((b"one",), found[1])


@pytest.mark.parametrize(
    "hidden",
    [
        delimited(15, b"x" + delimited(RAW, b"123")),
        delimited(15, delimited(RAW, b"123")),
        b"\x7b" + delimited(RAW, b"123") + b"\x7c",
        b"\x7b" + delimited(14, b"x" + delimited(RAW, b"1")) + b"\x7c",
    ],
    ids=["bytes", "message", "group", "group whose end is within"],
)
def test_what_only_looks_like_contents_is_none(hidden: bytes) -> None:
    """A field that nobody knows may have any bytes."""
    for contents in ([b"123"], [b"1\x7c"]):
        memory = alike()
        memory.learn(message(*contents) + hidden, "known")
        assert not memory._known


def test_a_message_without_contents_is_not_remembered() -> None:
    memory = alike()
    memory.learn(message(), "known")
    assert memory.find(message()) is None


def remembered(memory: Alike[str], messages: Sequence[bytes]) -> int:
    return sum(memory.find(one) is not None for one in messages)


def test_who_stamps_every_message_is_not_learned_from_for_ever() -> None:
    memory = alike()
    stamped = [message(b"123", name=f"{number:08}") for number in range(100)]
    for one in stamped:
        memory.learn(one, "known")
    assert remembered(memory, stamped) == MOST_ALIKE
    memory.learn(message(b"1234"), "of another length")
    assert memory.find(message(b"5678")) is not None


def test_messages_of_all_lengths_are_not_remembered_without_end() -> None:
    memory = alike()
    messages = [message(bytes(length)) for length in range(3 * MOST_LENGTHS)]
    for one in messages:
        memory.learn(one, "known")
        assert memory.find(one) is not None
    assert remembered(memory, messages) <= MOST_LENGTHS


def test_nor_are_long_ones() -> None:
    memory = alike()
    memory.learn(message(b"123", name="m" * (LONGEST + 1)), "known")
    assert not memory._known
    long = [message(b"123", name="m" * (LONGEST - 200 + number)) for number in range(100)]
    for one in long:
        memory.learn(one, "known")
        assert memory.find(one) is not None
    assert remembered(memory, long) * (LONGEST - 200) <= MOST_BYTES


def test_nor_are_those_of_very_many_contents() -> None:
    memory = alike()
    for count in (MOST_CONTENTS, MOST_CONTENTS + 1):
        memory.learn(message(*[b""] * count), "known")
        assert (memory.find(message(*[b""] * count)) is None) is (count > MOST_CONTENTS)

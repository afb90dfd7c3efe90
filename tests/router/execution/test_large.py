"""Answers that are too large for the log: the caller has them whole, the record their length and hash."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import blake2b

import pytest
from inference.open_inference_pb2 import ModelInferRequest, ModelInferResponse
from turnout.router.v1 import model_pb2
from turnout.router.v1.router_pb2 import Redaction, Router

from examples.fleet.catalog import registration
from services.router.execution.large import LARGEST_KEPT, MOST_KEPT
from services.state.records import PAGE_BYTES
from tests.fleet import scripted_model
from tests.router.conftest import Desk
from tests.router.execution.acting import Log

# What an Output of one text has beside it: two tags, and two lengths of three bytes.
AROUND = 8


class Talker:
    """A model that answers with a text of so many bytes."""

    def __init__(self) -> None:
        self.bytes = 10

    async def answer(self, _request: ModelInferRequest) -> ModelInferResponse:
        reply = ModelInferResponse()
        said = reply.outputs.add(name="said", datatype="BYTES", shape=[1])
        said.contents.bytes_contents.append(b"x" * self.bytes)
        return reply


@asynccontextmanager
async def talkers(desk: Desk, talker: Talker) -> AsyncIterator[None]:
    """Two registered models that are one."""
    async with scripted_model("talker", talker.answer) as server:
        for name in ("talker", "double"):
            model = registration("cancer-bayes", server.address)
            model.name, model.served_name = f"models/{name}", "talker"
            outputs = model_pb2.OutputSpec(kind=model_pb2.OUTPUT_KIND_TEXT, text="said")
            model.signature.outputs.CopyFrom(outputs)
            await desk.register(model)
        yield


def chatter(**options: object) -> Router:
    variants = [{"model": "talker", "weight": 100}, {"model": "double", "weight": 0}]
    return Router(variants=variants, weighted={}, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("beyond", [0, 1])
async def test_the_limit_from_both_sides(desk: Desk, log: Log, beyond: int) -> None:
    talker = Talker()
    talker.bytes = LARGEST_KEPT - AROUND + beyond
    async with talkers(desk, talker):
        await desk.deploy("chat", chatter())
        reply = await desk.predict("chat")
    assert reply.output.ByteSize() == LARGEST_KEPT + beyond
    (event,) = await log.predictions()
    (told,) = event.outputs
    assert event.manifest == reply.manifest
    assert [event.HasField("output"), told.HasField("output")] == [not beyond] * 2
    assert [event.HasField("large_output"), told.HasField("large_output")] == [bool(beyond)] * 2
    assert bool(reply.manifest.warnings) == bool(beyond)
    if beyond:
        digest = blake2b(reply.output.SerializeToString(), digest_size=16).hexdigest()
        assert event.large_output == told.large_output
        assert (told.large_output.bytes, told.large_output.hash) == (LARGEST_KEPT + 1, f"hash:{digest}")
    else:
        assert event.output == told.output == reply.output


async def test_an_answer_of_megabytes_is_served_whole_and_its_record_is_small(desk: Desk, log: Log) -> None:
    talker = Talker()
    talker.bytes = 3_000_000
    async with talkers(desk, talker):
        await desk.deploy("chat", chatter(mirror={"variants": ["double"]}))
        reply = await desk.predict("chat")
        assert reply.output.text.content == "x" * 3_000_000
        (event,), (late,) = await log.predictions(), await log.completions()
    assert event.ByteSize() < 10_000
    assert late.large_output == event.large_output
    assert late.participant.agrees


async def test_all_answers_of_a_prediction_share_their_room(desk: Desk, log: Log) -> None:
    """Each would be logged by itself; the shadow's finds the room taken by those that failed before it."""
    talker = Talker()
    talker.bytes = LARGEST_KEPT - AROUND
    assert MOST_KEPT + LARGEST_KEPT < PAGE_BYTES
    async with talkers(desk, talker):
        many = [{"id": f"shadow-{number}", "model": "double", "weight": 0} for number in range(4)]
        variants = [{"model": "talker", "weight": 100}, *many]
        names = [str(one["id"]) for one in many]
        await desk.deploy("chat", Router(variants=variants, weighted={}, mirror={"variants": names}))
        await desk.predict("chat")
        (event,), late = await log.predictions(), await log.completions(4)
    assert event.HasField("output")
    assert sorted(one.HasField("large_output") for one in late) == [False, False, False, True]


@pytest.mark.parametrize(("rule", "keyed"), [("HASHED", True), ("NONE", False)])
async def test_what_is_redacted_is_not_told_by_its_hash(desk: Desk, log: Log, rule: str, keyed: bool) -> None:
    talker = Talker()
    talker.bytes = 300_000
    async with talkers(desk, talker):
        redact = {"output": Redaction.Value(f"REDACTION_{rule}")}
        await desk.deploy("chat", chatter(log={"redact": redact}))
        reply = await desk.predict("chat")
    (event,) = await log.predictions()
    plain = blake2b(reply.output.SerializeToString(), digest_size=16).hexdigest()
    for one in (event.large_output, event.outputs[0].large_output):
        assert one.bytes == reply.output.ByteSize()
        assert plain not in one.hash
        assert bool(one.hash) == keyed

"""What a router takes and gives, as a model server describes its models."""

import asyncio
from collections.abc import Iterable, Mapping
from importlib.metadata import version

from inference.open_inference_pb2 import ModelMetadataResponse, ServerMetadataResponse

from services.models.endpoints import TensorInfo
from services.models.handle import ModelHandle, probe
from services.router.deciding.plan import Arm, RoutingPlan
from services.router.doors.answers import EMBEDDING, LABEL, PROBABILITIES, TEXT, VALUE
from services.state.names import id_of

NAME = PLATFORM = "turnout"
EXTENSIONS = ("parameters", "turnout_manifest")
# A member that does not say within this time what it takes leaves it at what its registration says.
PATIENCE_SECONDS = 1.0

Named = Mapping[str, TensorInfo]


class Descriptions:
    """Registered signatures say what inputs are; the members themselves what signatures leave open."""

    def server(self) -> ServerMetadataResponse:
        """What this server is."""
        return ServerMetadataResponse(name=NAME, version=version("turnout"), extensions=EXTENSIONS)

    async def router(self, plan: RoutingPlan, seconds: float) -> ModelMetadataResponse:
        """What a router takes: the tensors of its enabled variants together. What it gives: those of whoever
        answers, if that is one of them. `seconds` is how long the caller waits."""
        reply = ModelMetadataResponse(
            name=id_of(plan.name), versions=[str(plan.generation)], platform=PLATFORM
        )
        arms = [arm for arm in plan.arms if arm.enabled]
        told = await asyncio.gather(*(_told(arm, min(seconds / 2, PATIENCE_SECONDS)) for arm in arms))
        jury = plan.strategy == "ensemble"
        _enter(reply.inputs, [inputs for inputs, _ in told])
        _enter(reply.outputs, [_of_jury(arm) for arm in arms] if jury else [outputs for _, outputs in told])
        return reply


async def _told(arm: Arm, seconds: float) -> tuple[Named, Named]:
    """Inputs and outputs of a variant."""
    handle = arm.handle
    said = await probe(handle, seconds)
    declared = _declared(handle)
    inputs = declared or {one.name: one for one in said.inputs}
    outputs = {
        one.name: one for one in said.outputs if one.name in handle.wire.gives or not handle.wire.gives
    }
    return inputs, outputs


def _of_jury(arm: Arm) -> Named:
    """What an answer becomes that is put together from several; see `answers`."""
    spec = arm.handle.model.signature.outputs
    given: list[TensorInfo] = []
    if spec.label or spec.probabilities:
        given.append(TensorInfo(LABEL, "BYTES", (-1,)))
    if spec.probabilities:
        given.append(TensorInfo(PROBABILITIES, "FP64", (-1, len(spec.class_order))))
    if spec.value:
        given.append(TensorInfo(VALUE, "FP64", (-1,)))
    if spec.text:
        given.append(TensorInfo(TEXT, "BYTES", (1,)))
    if spec.embedding:
        given.append(TensorInfo(EMBEDDING, "FP32", (-1, -1)))
    return {one.name: one for one in given}


def _declared(handle: ModelHandle) -> Named:
    """The tensors that a signature's columns become."""
    return {
        name: TensorInfo(name, kind.name, (-1, *tail)) for name, (kind, tail) in handle.wire.takes.items()
    }


def _enter(entries: object, members: Iterable[Named]) -> None:
    """Each tensor once: as the first member has it, with -1 where others differ."""
    found: dict[str, TensorInfo] = {}
    for member in members:
        for name, one in member.items():
            known = found.setdefault(name, one)
            if len(known.shape) == len(one.shape):
                shape = tuple(a if a == b else -1 for a, b in zip(known.shape, one.shape, strict=True))
                found[name] = known._replace(shape=shape)
    for one in found.values():
        entries.add(name=one.name, datatype=one.datatype, shape=one.shape)  # type: ignore[attr-defined]

"""What a model says of itself when it is asked once."""

from turnout.router.v1 import model_service_pb2 as rpc

from services.foundation.call import Call
from services.models.answer import Failure
from services.models.handle import ModelHandle, probe


async def probed(handle: ModelHandle, request: rpc.ProbeModelRequest, call: Call) -> rpc.ProbeModelResponse:
    """Its health and its tensors, and its answer to an input if one is given. Raises why it gave none."""
    seen = await probe(handle, call.remaining())
    reply = rpc.ProbeModelResponse(ready=seen.ready, message=seen.message)
    reply.latency.FromNanoseconds(int(seen.latency * 1e9))
    for told, tensors in ((reply.inputs, seen.inputs), (reply.outputs, seen.outputs)):
        for tensor in tensors:
            told.add(name=tensor.name, datatype=tensor.datatype, shape=tensor.shape)
    if request.HasField("input"):
        result = await handle.call(handle.prepare(request.input), call.remaining(), call)
        if isinstance(result, Failure):
            raise result.error
        reply.output.CopyFrom(result.output)
    return reply

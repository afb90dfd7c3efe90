"""What an unmodified kserve client sees: `kserve_client.py host:port`, JSON on the standard output."""

import asyncio
import json
import logging
import sys
from typing import Any

import grpc
import numpy as np
from kserve import InferenceGRPCClient, InferInput, InferRequest

# It logs every failure with its trace.
logging.disable(logging.CRITICAL)


def question(model: str, columns: int = 2, *, raw: bool = True, **parameters: Any) -> Any:
    values = np.array([[14.2, 20.1, 1.0][:columns]])
    given = InferInput("input", [1, columns], "FP64", data=None if raw else values.flatten().tolist())
    if raw:
        given.set_data_from_numpy(values, binary_data=True)
    return InferRequest(model, [given], request_id="mine", parameters=parameters)


def told(reply: Any) -> dict[str, Any]:
    named = {
        name: getattr(one, one.WhichOneof("parameter_choice"))
        for name, one in (reply.parameters or {}).items()
    }
    return {
        "id": reply.id,
        "model": reply.model_name,
        "parameters": named,
        "outputs": {one.name: one.as_numpy().tolist() for one in reply.outputs},
    }


async def failure(work: Any) -> dict[str, Any]:
    try:
        await work
    except grpc.aio.AioRpcError as error:
        trailers = {name: value for name, value in error.trailing_metadata() if isinstance(value, str)}
        return {"status": error.code().name, "message": error.details(), "trailers": trailers}
    raise AssertionError("it should have failed")


async def main() -> None:
    async with InferenceGRPCClient(sys.argv[1]) as client:
        found = {
            "live": await client.is_server_live(),
            "ready": await client.is_server_ready(),
            "model_ready": await client.is_model_ready("cancer"),
            "raw": told(await client.infer(question("cancer", turnout_manifest=True))),
            "typed": told(await client.infer(question("cancer", raw=False))),
            "headed": told(await client.infer(question("cancer"), headers=[("x-turnout-entity-id", "me")])),
            "unknown": await failure(client.infer(question("nobody"))),
            "misfit": await failure(client.infer(question("cancer", 3))),
            "failing": await failure(client.infer(question("failing", 1))),
        }
    sys.stdout.write(json.dumps(found))


asyncio.run(main())

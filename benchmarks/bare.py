"""The floors: bare grpc.aio servers with nothing of Turnout in them, each run as its own process.

`python -m benchmarks.bare backend|echo|proxy [--upstream ADDRESS]` prints its address as JSON and serves
until SIGTERM or the death of its parent.
"""

import argparse
import asyncio
import json
import os
import signal
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import numpy as np
import uvloop
from inference.open_inference_pb2 import ModelInferResponse

from services.foundation.parent import die_with

METHOD = "/inference.GRPCInferenceService/ModelInfer"


def canned_reply() -> bytes:
    """What the backend answers to everything: one row of two probabilities."""
    reply = ModelInferResponse(model_name="canned")
    reply.outputs.add(name="probabilities", datatype="FP64", shape=[1, 2])
    reply.raw_output_contents.append(np.array([0.25, 0.75]).tobytes())
    return reply.SerializeToString()


async def serve(kind: str, upstream: str) -> None:
    """Serve until told to stop."""
    server = grpc.aio.server()
    reply, channel = canned_reply(), grpc.aio.insecure_channel(upstream or "127.0.0.1:1")
    call: Callable[..., Awaitable[bytes]] = channel.unary_unary(METHOD)

    async def backend(_request: bytes, _context: object) -> bytes:
        return reply

    async def echo(request: bytes, _context: object) -> bytes:
        return request

    async def proxy(request: bytes, _context: object) -> bytes:
        return await call(request, timeout=5)

    behaviour = {"backend": backend, "echo": echo, "proxy": proxy}[kind]
    handler: Any = grpc.unary_unary_rpc_method_handler(behaviour)
    service, method = METHOD[1:].split("/")
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(json.dumps({"address": f"127.0.0.1:{port}"}), flush=True)
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await stopped.wait()
    await server.stop(None)
    await channel.close()


if __name__ == "__main__":
    told = argparse.ArgumentParser()
    told.add_argument("kind", choices=["backend", "echo", "proxy"])
    told.add_argument("--upstream", default="")
    given = told.parse_args()
    die_with(os.getppid())
    uvloop.run(serve(given.kind, given.upstream))

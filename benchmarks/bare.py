"""The floors: bare grpc.aio servers with nothing of Turnout in them, each run as its own process.

`python -m benchmarks.bare backend|hang|echo|proxy|fan [--upstream ADDRESS,…] [--delay SECONDS]` prints its
address as JSON and serves until SIGTERM or the death of its parent.
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

Call = Callable[..., Awaitable[bytes]]
Behaviour = Callable[[bytes, object], Awaitable[bytes]]
METHOD = "/inference.GRPCInferenceService/ModelInfer"


def canned_reply() -> bytes:
    """What the backend answers to everything: one row of two probabilities."""
    reply = ModelInferResponse(model_name="canned")
    reply.outputs.add(name="probabilities", datatype="FP64", shape=[1, 2])
    reply.raw_output_contents.append(np.array([0.25, 0.75]).tobytes())
    return reply.SerializeToString()


def behaviour(kind: str, calls: list[Call], delay: float) -> Behaviour:
    """What a server does with a request; `calls` are those to its upstreams."""
    reply = canned_reply()

    async def backend(_request: bytes, _context: object) -> bytes:
        if delay:
            await asyncio.sleep(delay)
        return reply

    async def hang(_request: bytes, _context: object) -> bytes:
        await asyncio.Event().wait()
        return reply

    async def echo(request: bytes, _context: object) -> bytes:
        return request

    async def proxy(request: bytes, _context: object) -> bytes:
        return await calls[0](request, timeout=5)

    async def fan(request: bytes, _context: object) -> bytes:
        return (await asyncio.gather(*(call(request, timeout=5) for call in calls)))[0]

    return {"backend": backend, "hang": hang, "echo": echo, "proxy": proxy, "fan": fan}[kind]


async def serve(kind: str, upstreams: list[str], delay: float) -> None:
    """Serve until told to stop."""
    server = grpc.aio.server()
    channels = [grpc.aio.insecure_channel(address) for address in upstreams]
    calls: list[Call] = [channel.unary_unary(METHOD) for channel in channels]
    handler: Any = grpc.unary_unary_rpc_method_handler(behaviour(kind, calls, delay))
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
    for channel in channels:
        await channel.close()


if __name__ == "__main__":
    told = argparse.ArgumentParser()
    told.add_argument("kind", choices=["backend", "hang", "echo", "proxy", "fan"])
    told.add_argument("--upstream", default="", help="addresses, by commas")
    told.add_argument("--delay", type=float, default=0.0, help="seconds that a backend takes")
    given = told.parse_args()
    die_with(os.getppid())
    uvloop.run(serve(given.kind, [at for at in given.upstream.split(",") if at], given.delay))

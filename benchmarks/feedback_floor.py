"""The floor of feedback: a bare grpc.aio server that runs one script per call, with nothing of Turnout in it.

`python -m benchmarks.feedback_floor --redis URL --digest SHA` prints its address as JSON and serves until
SIGTERM or the death of its parent. A request is a prediction id; the script is the one that applies a reward.
"""

import argparse
import asyncio
import json
import os
import signal
import time
from typing import Any

import grpc
import uvloop
from redis.asyncio import BlockingConnectionPool, Redis

from services.foundation.parent import die_with

METHOD = "/floor.Feedback/Record"


async def serve(url: str, digest: str) -> None:
    """Serve until told to stop."""
    pool = BlockingConnectionPool.from_url(url, max_connections=32, protocol=2)
    redis = Redis(connection_pool=pool)

    async def record(request: bytes, _context: object) -> bytes:
        name, now = request.decode(), time.time()
        place = bytes.fromhex(name.replace("-", "")) + bytes(4)
        minute = int(now // 60)
        keys = ["{floor}:arms", "{floor}:window", f"{{floor}}:applied:{minute}", "{floor}:rewarded"]
        noted = f"{int(now * 1000)} {minute}+/measure"
        told = ("a", "/measure", 1000, 3_000_000, 7_000_000, "", "", 1, "REPLACE", 0, 1, noted, 1)
        report = f"500000 {int(now * 1e6)} {name}/0 {name}"
        reply: Any = await redis.evalsha(digest, len(keys), *keys, *told, report, place)
        return bytes(reply[0])

    server = grpc.aio.server()
    handler: Any = grpc.unary_unary_rpc_method_handler(record)
    service, method = METHOD[1:].split("/")
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(json.dumps({"address": f"127.0.0.1:{port}"}), flush=True)
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await stopped.wait()
    await server.stop(0)
    await redis.aclose()


if __name__ == "__main__":
    die_with(os.getppid())
    asked = argparse.ArgumentParser()
    asked.add_argument("--redis", required=True)
    asked.add_argument("--digest", required=True)
    given = asked.parse_args()
    uvloop.run(serve(given.redis, given.digest))

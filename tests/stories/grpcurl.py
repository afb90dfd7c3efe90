"""Runs grpcurl lines: by grpcurl itself where it is installed or built, else by `buf curl`, which says the
same."""

import asyncio
import json
import re
import shutil
from typing import Any, NamedTuple

from tests.stories.reference import Example, documents, missing
from tests.stories.suite import ROOT

# As `make cookbook` builds it, where nobody has installed one.
BUILT = ROOT / "build/tools/grpcurl"
BUF = (str(ROOT / ".venv/bin/buf"), "curl", "--protocol", "grpc", "--http2-prior-knowledge")
# The flags that the reference uses, with how many words follow, and what buf calls them.
FLAGS = {
    "-plaintext": (0, ""),
    "-emit-defaults": (0, "--emit-defaults"),
    "-d": (1, "-d"),
    "-H": (1, "-H"),
    "-max-time": (1, ""),
}
PIPE = asyncio.subprocess.PIPE
# How grpcurl takes a mask of fields, which JSON otherwise has as one string.
MASK = re.compile(r'\{"paths": (\[[^\]]*\])\}')


class Answer(NamedTuple):
    """The documents that came, and the code (as grpcurl spells it) and message of the error that ended it."""

    documents: list[Any]
    error: tuple[str, str] | None


def translated(words: list[str]) -> list[str]:
    """A grpcurl command for whichever client is here. Raises KeyError for a flag that is not among FLAGS."""
    flags, rest = list[str](), words[1:]
    while rest[0].startswith("-"):
        count, name = FLAGS[rest[0]]
        flags += [name, *rest[1 : 1 + count]] if name else []
        rest = rest[1 + count :]
    address, method = rest
    if real := shutil.which("grpcurl") or (str(BUILT) if BUILT.exists() else None):
        return [real, *words[1:]]
    return [*BUF, *(MASK.sub(_as_json_has_it, flag) for flag in flags), f"http://{address}/{method}"]


def _as_json_has_it(mask: re.Match[str]) -> str:
    return json.dumps(",".join(json.loads(mask[1])))


async def run(example: Example, words: list[str]) -> Answer:
    """What the command answers. One with -max-time follows something that does not end: it is stopped as soon
    as it has said what is shown."""
    process = await asyncio.create_subprocess_exec(*translated(words), stdout=PIPE, stderr=PIPE, cwd=ROOT)
    if "-max-time" in words:
        return await _followed(process, example.shown)
    out, wrong = await process.communicate()
    return Answer(list(documents(out.decode())), _error(wrong.decode()) if process.returncode else None)


async def _followed(process: asyncio.subprocess.Process, shown: list[Any]) -> Answer:
    assert process.stdout is not None
    said, got = "", list[Any]()
    try:
        while piece := await process.stdout.read(65_536):
            said += piece.decode()
            got = list(documents(said))
            if not list(missing(shown, got[: len(shown)])):
                break
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()
    return Answer(got, None)


def _error(wrong: str) -> tuple[str, str]:
    if told := re.search(r"Code: (\w+)\n\s+Message: (.*?)(?=\n\s+Details:|\Z)", wrong, re.DOTALL):
        return told[1], told[2].strip()
    if not wrong.lstrip().startswith("{"):
        raise ValueError(f"not an RPC's error: {wrong}")
    said = json.loads(wrong)
    return "".join(map(str.capitalize, said["code"].split("_"))), said["message"]

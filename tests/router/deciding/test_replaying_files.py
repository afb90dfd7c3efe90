"""`turnout replay`: another process makes the decisions of a running router again."""

import asyncio
import sys
from pathlib import Path

import pytest
from google.protobuf import json_format
from turnout.inference.v1.event_pb2 import PredictionEvent, PredictionRecord

from services.router.replay.__main__ import main
from services.router.replay.archive import Archive
from services.router.replay.reading import UnreadableError, read
from services.router.replay.running import replay
from services.state.connection import connect
from tests.router.conftest import BAYES, Desk, doctors
from tests.router.deciding.worlds import world


async def replayed(file: Path, redis_url: str = "") -> tuple[bool, str]:
    """Whether all of a file came out the same, and what the command says of it: deeply, of a named Redis."""
    said: list[str] = []
    with file.open("rb") as opened:
        if not redis_url:
            return await replay(opened, None, said.append), "\n".join(said)
        async with connect(redis_url) as connections:
            return await replay(opened, Archive(connections), said.append), "\n".join(said)


async def piped(stdin: bytes, *how: str) -> tuple[int, str]:
    """Exit code and output of the command, as people type it."""
    command = [sys.executable, "-m", "services.router.replay", "-", *how]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe)
    out, err = await process.communicate(stdin)
    assert process.returncode is not None
    return process.returncode, (out + err).decode()


async def test_what_a_router_decided_is_reproduced_and_computed_again(
    desk: Desk, redis_url: str, tmp_path: Path
) -> None:
    policies = [
        {"name": "large", "condition": "features['mean radius'] > 20.0", "strategy": {"least_loaded": {}}}
    ]
    given = doctors(policies=policies, stickiness={"enabled": True}, ramp={"duration": {"seconds": 3600}})
    given.variants[0].weight, given.variants[1].weight = 70, 30
    stored = await desk.deploy("cancer", given)
    file, spoilt = tmp_path / "events.ndjson", tmp_path / "spoilt.ndjson"
    with file.open("w") as out, spoilt.open("w") as wrong:
        for number in range(20):
            row = {**BAYES, "mean radius": 14.0 + 10 * (number % 2)}
            entity = f"e{number}" if number % 3 else ""
            reply = await desk.predict("cancer", row, entity_id=entity)
            event = PredictionEvent(manifest=reply.manifest, router_uid=stored.uid, entity_id=entity)
            event.features.numeric_features.update(row)
            out.write(json_format.MessageToJson(event, preserving_proto_field_name=True, indent=None) + "\n")
            event.manifest.decision.candidates[0].probability *= 0.99
            wrong.write(
                json_format.MessageToJson(event, preserving_proto_field_name=True, indent=None) + "\n"
            )
    assert await replayed(file) == (True, "20 decisions: 20 reproduced, 0 differ, 0 reproduced in part")
    deep = await replayed(file, redis_url)
    assert deep == (True, "20 decisions: 20 reproduced, 0 differ, 0 reproduced in part")
    same, said = await replayed(spoilt, redis_url)
    assert not same
    assert "20 differ" in said
    assert "line 1: " in said


async def test_messages_come_one_after_the_other_also_through_a_pipe(tmp_path: Path) -> None:
    made = world(3)
    events = [made.event_of(*made.decide()) for _ in range(5)]
    blob = b"".join(_delimited(PredictionRecord(event=event)) for event in events)
    assert await piped(blob) == (
        0,
        "5 decisions: 5 reproduced, 0 differ, 0 reproduced in part\n",
    )
    lines = "\n".join(json_format.MessageToJson(event.manifest, indent=None) for event in events).encode()
    assert (await piped(lines))[0] == 0


def _delimited(record: PredictionRecord) -> bytes:
    body, length = record.SerializeToString(), b""
    left = len(body)
    while left >= 0x80:
        length, left = length + bytes([left & 0x7F | 0x80]), left >> 7
    return length + bytes([left]) + body


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{}\n", "line 1: neither a record"),
        (b"{\n", "line 1: "),
        (b'{"manifest": 5}\n', "line 1: "),
        (b"\x05abc", "record 1 is cut off"),
        (b"\x03abc", "record 1 is no PredictionRecord"),
        (b"\xff" * 9, "nor the length of a message"),
    ],
)
async def test_what_cannot_be_read_is_said(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    with file.open("rb") as opened, pytest.raises(UnreadableError, match=said):
        list(read(opened))


@pytest.mark.parametrize(("content", "code"), [(b"", 1), (None, 2)], ids=["empty", "not there"])
async def test_an_empty_file_and_one_that_is_not_there_are_failures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, code: int
) -> None:
    file = tmp_path / "file"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setattr(sys, "argv", ["turnout replay", str(file)])
    assert await asyncio.to_thread(main) == code

"""Of a model that is out, one call is made at a time, whatever else a router does beside choosing."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

from turnout.inference.v1 import manifest_pb2 as manifest
from turnout.router.v1.router_pb2 import Router

from services.foundation.errors import RemoteError
from services.state.connection import Connections
from tests.router.conftest import Desk, doctors
from tests.router.health.test_faults import SICK, WELL, practice, share
from tests.waiting import eventually

BASE = 0.3
FAILURES = 5
AT_ONCE = 20


def weighted(well: float, sick: float, **how: Any) -> Router:
    given = doctors(**how)
    for variant in given.variants:
        variant.weight = {WELL: well, SICK: sick}[variant.model.removeprefix("models/")]
    return given


async def fall_ill(desk: Desk) -> None:
    """Have the model fail until it is out."""
    desk.servers[SICK].faults.set("fail")

    async def out() -> bool:
        with suppress(RemoteError):
            await desk.predict("cancer")
        return desk.servers[SICK].calls >= FAILURES

    await eventually(out)


async def test_entities_that_wait_for_their_pins_make_one_probe(
    redis_url: str, connections: Connections, tmp_path: Path
) -> None:
    """All of them draw the model while its probe is free, and then ask Redis what they hold."""
    async with practice(redis_url, tmp_path, BASE) as desk:
        await desk.deploy("sticky", weighted(1, 100, stickiness={"enabled": True, "pin": True}))
        await fall_ill(desk)
        desk.servers[SICK].faults.set("hang")
        asked = list[asyncio.Task[Any]]()

        async def hung() -> bool:
            """Come in a crowd once a probe is free; of a crowd one at the most hangs."""
            await eventually(lambda: share(desk))
            entities = [f"e{len(asked) + number}" for number in range(AT_ONCE)]
            some = [asyncio.create_task(desk.predict("sticky", entity_id=one)) for one in entities]
            asked.extend(some)
            await eventually(lambda: sum(one.done() for one in some) >= AT_ONCE - 1)
            return not all(one.done() for one in some)

        assert await eventually(hung, within=20)
        assert desk.servers[SICK].calls == FAILURES + 1
        answered = [one.result() for one in asked if one.done()]
        assert len(answered) == len(asked) - 1
        assert {one.manifest.decision.variant for one in answered} == {WELL}
        assert not any(one.manifest.participants[1:] for one in answered)
        for one in asked:
            one.cancel()
        await asyncio.gather(*asked, return_exceptions=True)


async def test_no_copy_is_sent_to_a_model_that_is_being_tried(
    redis_url: str, connections: Connections, tmp_path: Path
) -> None:
    async with practice(redis_url, tmp_path, BASE) as desk:
        await desk.deploy("mirrored", weighted(100, 0, mirror={"variants": [SICK]}))
        await fall_ill(desk)
        copies = list[manifest.Participant]()

        async def may_be_tried() -> bool:
            reply = await desk.predict("mirrored")
            copies.extend(reply.manifest.participants[1:])
            return not copies[-1].error_message.startswith("ejected until ")

        await eventually(may_be_tried)
        assert copies[-1].error_message == "ejected; a request is trying it"
        assert {one.role for one in copies} == {manifest.PARTICIPANT_ROLE_SHADOW}
        assert {one.outcome for one in copies} == {manifest.OUTCOME_SKIPPED}
        assert desk.servers[SICK].calls == FAILURES

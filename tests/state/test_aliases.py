"""The table of aliases: moved in one step, by one of those who saw the same, and followed by everybody."""

import asyncio
import random

import pytest
from turnout.router.v1.model_service_pb2 import SetAliasRequest
from turnout.router.v1.router_service_pb2 import AuditEvent

from services.state.alias_table import AliasesMoved, AliasTable
from services.state.audit import AuditLog
from services.state.catalog import CatalogFollower
from services.state.connection import Connections
from services.state.errors import RequestIdReused
from services.state.once import once
from tests.state.background import running
from tests.waiting import eventually

EVENT = AuditEvent(caller="ann", method="SetAlias", resource="models/b", uid="u-1")


@pytest.fixture
def table(connections: Connections) -> AliasTable:
    return AliasTable(connections)


async def test_gives_and_takes_in_one_step_with_its_event(
    connections: Connections, table: AliasTable
) -> None:
    await table.move("models/a", ["x@one", "x@two"], [], {}, EVENT)
    seen = await table.all()
    assert seen == {"x@one": "models/a", "x@two": "models/a"}
    await table.move("models/b", ["x@one"], [], seen, EVENT)
    await table.move("models/a", [], ["x@two"], seen, EVENT)
    assert await table.all() == {"x@one": "models/b"}
    events = (await AuditLog(connections).list(resource="models/b")).events
    assert [one.method for one in events] == ["SetAlias"] * 3


async def test_of_two_who_saw_the_same_holder_one_moves(connections: Connections, table: AliasTable) -> None:
    await table.move("models/a", ["x@one"], [], {}, EVENT)
    seen = await table.all()
    moves = [table.move(name, ["x@one", "x@new"], [], seen, EVENT) for name in ("models/b", "models/c")]
    told = await asyncio.gather(*moves, return_exceptions=True)
    assert [type(one) for one in told if one is not None] == [AliasesMoved]
    after = await table.all()
    assert after["x@one"] == after["x@new"] in ("models/b", "models/c")
    assert len((await AuditLog(connections).list()).events) == 2


async def test_a_move_sent_again_answers_as_before(table: AliasTable) -> None:
    change = once("SetAlias", SetAliasRequest(model="a", request_id="r-1"))
    assert await table.answered(change) is None
    assert await table.move("models/a", ["x@one"], [], {}, EVENT, once=change, answer=b"first") is None
    await table.move("models/b", ["x@one"], [], await table.all(), EVENT)
    assert await table.answered(change) == b"first"
    assert await table.move("models/a", ["x@one"], [], {}, EVENT, once=change, answer=b"second") == b"first"
    assert await table.all() == {"x@one": "models/b"}
    with pytest.raises(RequestIdReused):
        await table.answered(once("SetAlias", SetAliasRequest(model="b", request_id="r-1")))


async def test_followers_have_the_table_and_know_how_fresh_it_is(
    connections: Connections, table: AliasTable
) -> None:
    await table.move("models/a", ["x@one"], [], {}, EVENT)
    catalog = CatalogFollower(connections, rng=random.Random(3))
    assert catalog.lag == float("inf")
    async with running(catalog.run()):
        await eventually(lambda: catalog.aliases == {"x@one": "models/a"})
        assert catalog.lag < 60
        await table.move("models/b", ["x@one"], [], await table.all(), EVENT)
        await eventually(lambda: catalog.aliases == {"x@one": "models/b"})

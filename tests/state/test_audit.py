"""Audit events: one per change and none without, in the order of time, page by page."""

import random
import time
from collections.abc import Callable

import pytest
from turnout.router.v1.router_pb2 import Router
from turnout.router.v1.router_service_pb2 import UpdateRouterRequest

from services.foundation.errors import InvalidArgument
from services.state import ids, keys
from services.state.audit import KEPT_EVENTS, AuditLog, Author
from services.state.configs import ConfigStore
from services.state.connection import Connections
from services.state.errors import BadPageToken, NameTaken, StaleEtag
from services.state.kinds import ROUTERS
from services.state.once import once

ANN, BEN = Author("ann", "CreateRouter", "call-1"), Author("ben", "UpdateRouter", "call-2")


def describing(text: str) -> Callable[[Router], None]:
    def change(router: Router) -> None:
        router.description = text

    return change


@pytest.fixture
def routers(connections: Connections) -> ConfigStore[Router]:
    return ConfigStore(connections, ROUTERS, time.time, random.Random(1))


async def test_says_who_changed_what_when(connections: Connections, routers: ConfigStore[Router]) -> None:
    made = (await routers.create(Router(name="routers/churn", tags=["a"]), by=ANN)).message
    await routers.update("routers/churn", describing("new"), by=BEN)
    await routers.delete("routers/churn", by=Author("ann", "DeleteRouter", "call-3"))
    gone, changed, created = (await AuditLog(connections).list()).events
    assert (created.caller, created.method, created.request_id) == ("ann", "CreateRouter", "call-1")
    assert (created.resource, created.uid, created.generation) == ("routers/churn", made.uid, 1)
    assert list(created.changed_fields) == ["name", "tags"]
    assert (changed.caller, changed.generation, list(changed.changed_fields)) == ("ben", 2, ["description"])
    assert (gone.method, gone.generation, list(gone.changed_fields)) == ("DeleteRouter", 0, ["delete_time"])
    assert gone.id > changed.id > created.id
    assert abs(created.time.ToSeconds() - time.time()) < 60


async def test_what_was_refused_or_only_checked_leaves_no_event(
    connections: Connections, routers: ConfigStore[Router]
) -> None:
    await routers.create(Router(name="routers/churn"), validate_only=True, by=ANN)
    await routers.create(Router(name="routers/churn"), by=ANN)
    with pytest.raises(NameTaken):
        await routers.create(Router(name="routers/churn"), by=BEN)
    with pytest.raises(StaleEtag):
        await routers.update("routers/churn", describing("x"), etag='"old"', by=BEN)
    await routers.update("routers/churn", describing("x"), validate_only=True, by=BEN)
    assert [event.caller for event in (await AuditLog(connections).list()).events] == ["ann"]


async def test_a_change_sent_again_is_one_event(
    connections: Connections, routers: ConfigStore[Router]
) -> None:
    await routers.create(Router(name="routers/churn"), by=ANN)
    change = once("UpdateRouter", UpdateRouterRequest(request_id="r-1"))
    for _ in range(3):
        await routers.update("routers/churn", describing("x"), once=change, by=BEN)
    assert len((await AuditLog(connections).list(caller="ben")).events) == 1


async def test_pages_hold_still_while_changes_go_on(
    connections: Connections, routers: ConfigStore[Router]
) -> None:
    log = AuditLog(connections)
    for number in range(9):
        await routers.create(Router(name=f"routers/r{number}"), by=ANN)
    everything = [event.resource for event in (await log.list()).events]
    assert everything == [f"routers/r{number}" for number in range(8, -1, -1)]
    seen, token = [], ""
    while True:
        page = await log.list(2, token)
        seen += [event.resource for event in page.events]
        await routers.update("routers/r0", describing(token), by=BEN)
        token = page.next_page_token
        if not token:
            break
    assert seen == everything


async def test_filters_by_resource_caller_and_method(
    connections: Connections, routers: ConfigStore[Router]
) -> None:
    log = AuditLog(connections)
    for number in range(3):
        await routers.create(Router(name=f"routers/r{number}"), by=ANN)
    await routers.update("routers/r1", describing("x"), by=BEN)
    assert len((await log.list(resource="routers/r1")).events) == 2
    assert len((await log.list(resource="routers/r1", caller="ann")).events) == 1
    assert len((await log.list(method="UpdateRouter")).events) == 1
    assert not (await log.list(caller="nobody")).events
    page = await log.list(1, caller="ann")
    with pytest.raises(BadPageToken):
        await log.list(1, page.next_page_token, caller="ben")
    with pytest.raises(InvalidArgument):
        await log.list(-1)


async def test_one_busy_router_is_read_to_its_end(
    connections: Connections, routers: ConfigStore[Router]
) -> None:
    """More events in one stream than are read at once."""
    made = (await routers.create(Router(name="routers/churn"), by=ANN)).message
    for number in range(70):
        await routers.update("routers/churn", describing(str(number)), by=BEN)
    found = (await AuditLog(connections).list(1000)).events
    assert [event.generation for event in found] == list(range(71, 0, -1))
    stream = keys.audit(ids.partition_for(made.uid))
    assert await connections.steady.xlen(stream) == 71 < KEPT_EVENTS


async def test_a_generation_knows_who_made_it(routers: ConfigStore[Router]) -> None:
    await routers.create(Router(name="routers/churn"), by=ANN)
    await routers.update("routers/churn", describing("x"), by=BEN)
    await routers.update(
        "routers/churn", lambda _: None, new_generation=False, by=Author("ann", "DeployRouter")
    )
    second, first = (await routers.generations("routers/churn")).items
    assert (first.by.caller, first.by.method) == ("ann", "CreateRouter")
    assert (second.by.caller, second.by.method) == ("ben", "UpdateRouter")
    assert list(second.by.changed_fields) == ["description"]


async def test_keeps_the_newest_and_lets_the_oldest_go(
    connections: Connections, routers: ConfigStore[Router]
) -> None:
    made = (await routers.create(Router(name="routers/churn"), by=ANN)).message
    stream = keys.audit(ids.partition_for(made.uid))
    async with connections.steady.pipeline() as pipe:
        for _ in range(KEPT_EVENTS + 500):
            pipe.xadd(stream, {"event": b""})
        await pipe.execute()
    await routers.update("routers/churn", describing("x"), by=BEN)
    # Redis lets go of whole nodes of a hundred entries.
    assert KEPT_EVENTS <= await connections.steady.xlen(stream) <= KEPT_EVENTS + 100
    (newest, *_) = (await AuditLog(connections).list(1)).events
    assert newest.caller == "ben"

"""Routers and models in Redis: named once, changed by whoever saw the latest, answered once."""

import asyncio
import random
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router
from turnout.router.v1.router_service_pb2 import CreateRouterRequest, UpdateRouterRequest

from services.state import ids, keys
from services.state.configs import ConfigStore
from services.state.connection import Connections
from services.state.errors import (
    BadPageToken,
    DeletedHasName,
    ModelNotFound,
    NameTaken,
    NewerFormat,
    NotDeleted,
    RequestIdReused,
    RouterNotFound,
    StaleEtag,
)
from services.state.kinds import MODELS, ROUTERS
from services.state.name_index import NameIndex
from services.state.once import once
from services.state.shelf import KEPT_GENERATIONS, PURGE_MS


@pytest.fixture
def routers(connections: Connections) -> ConfigStore[Router]:
    return ConfigStore(connections, ROUTERS, time.time, random.Random(1))


@pytest.fixture
def models(connections: Connections) -> ConfigStore[Model]:
    return ConfigStore(connections, MODELS, time.time, random.Random(2))


def router(name: str = "churn", **fields: object) -> Router:
    return Router(name=f"routers/{name}", **fields)  # type: ignore[arg-type]


def describing(text: str) -> Callable[[Router], None]:
    def change(message: Router) -> None:
        message.description = text

    return change


async def test_creates_and_reads_back(routers: ConfigStore[Router]) -> None:
    written = await routers.create(router(description="first"))
    assert written.message.generation == 1
    assert written.message.etag.startswith('"')
    assert written.message.create_time == written.message.update_time
    assert await routers.read("routers/churn") == written.message
    assert await routers.read_uid(written.message.uid) == written.message


async def test_a_name_belongs_to_one(routers: ConfigStore[Router]) -> None:
    await routers.create(router())
    with pytest.raises(NameTaken, match="routers/churn"):
        await routers.create(router())


async def test_of_many_who_want_a_name_at_once_one_gets_it(connections: Connections) -> None:
    stores = [ConfigStore(connections, ROUTERS, time.time, random.Random(seed)) for seed in range(8)]
    tries = [store.create(router(description=str(place))) for place, store in enumerate(stores)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    won = [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]
    assert len(won) == 1
    assert all(isinstance(outcome, NameTaken) for outcome in outcomes if outcome not in won)
    assert (await stores[0].read("routers/churn")).description == won[0].message.description


async def test_what_was_not_seen_is_not_changed(routers: ConfigStore[Router]) -> None:
    seen = (await routers.create(router())).message.etag
    await routers.update("routers/churn", describing("somebody else's"))
    with pytest.raises(StaleEtag) as refused:
        await routers.update("routers/churn", describing("mine"), etag=seen)
    assert refused.value.fields[0].field == "etag"
    assert (await routers.read("routers/churn")).description == "somebody else's"


async def test_changes_without_an_etag_all_happen(routers: ConfigStore[Router]) -> None:
    await routers.create(router())

    def add(message: Router) -> None:
        message.tags.append("one more")

    await asyncio.gather(*(routers.update("routers/churn", add) for _ in range(4)))
    changed = await routers.read("routers/churn")
    assert len(changed.tags) == 4
    assert changed.generation == 5


async def test_the_lifecycle_is_no_new_generation(routers: ConfigStore[Router]) -> None:
    made = (await routers.create(router())).message
    written = await routers.update("routers/churn", describing("same"), new_generation=False)
    assert written.message.generation == made.generation
    assert written.message.etag != made.etag


async def test_validating_changes_nothing(routers: ConfigStore[Router]) -> None:
    assert (await routers.create(router(), validate_only=True)).message.generation == 1
    with pytest.raises(RouterNotFound):
        await routers.read("routers/churn")
    made = (await routers.create(router())).message
    would = await routers.update("routers/churn", describing("new"), validate_only=True)
    assert would.message.description == "new"
    assert (await routers.delete("routers/churn", validate_only=True)).position == ""
    assert await routers.read("routers/churn") == made


async def test_a_refused_change_leaves_everything(routers: ConfigStore[Router]) -> None:
    made = (await routers.create(router())).message

    def refuse(message: Router) -> None:
        message.description = "half"
        raise NameTaken("no")

    with pytest.raises(NameTaken):
        await routers.update("routers/churn", refuse)
    assert await routers.read("routers/churn") == made


async def test_a_request_sent_again_answers_as_before(routers: ConfigStore[Router]) -> None:
    request = CreateRouterRequest(router=router(), request_id="r-1")
    first = await routers.create(router(), once("CreateRouter", request))
    await routers.update("routers/churn", describing("since"))
    again = await routers.create(router(), once("CreateRouter", request))
    assert again.replayed
    assert again.message == first.message
    assert (await routers.read("routers/churn")).description == "since"


async def test_an_update_sent_again_happens_once(routers: ConfigStore[Router]) -> None:
    await routers.create(router())
    request = UpdateRouterRequest(router=router(description="new"), request_id="r-2")

    def add(message: Router) -> None:
        message.tags.append("once")

    change = once("UpdateRouter", request)
    outcomes = await asyncio.gather(*(routers.update("routers/churn", add, once=change) for _ in range(4)))
    assert len({outcome.message.etag for outcome in outcomes}) == 1
    assert list((await routers.read("routers/churn")).tags) == ["once"]


async def test_a_deletion_sent_again_answers_as_before(routers: ConfigStore[Router]) -> None:
    await routers.create(router())
    change = once("DeleteRouter", UpdateRouterRequest(request_id="r-3"))
    first = await routers.delete("routers/churn", once=change)
    assert (await routers.delete("routers/churn", once=change)).message == first.message


async def test_a_request_id_is_for_one_request(routers: ConfigStore[Router]) -> None:
    await routers.create(router(), once("CreateRouter", CreateRouterRequest(request_id="r-4")))
    other = once("UpdateRouter", UpdateRouterRequest(request_id="r-4"))
    with pytest.raises(RequestIdReused) as refused:
        await routers.update("routers/churn", describing("x"), once=other)
    assert refused.value.fields[0].field == "request_id"
    assert (await routers.read("routers/churn")).description == ""


async def test_a_creation_that_died_after_its_claim_goes_on(
    routers: ConfigStore[Router], connections: Connections
) -> None:
    """The claim is there, the resource is not: the same request finishes it under the same uid."""
    change = once("CreateRouter", CreateRouterRequest(request_id="r-5"))
    uid = await routers._requests.reserve(change, ids.new_uid(time.time(), random.Random(5)))
    await NameIndex(connections, "routers").claim("routers/churn", uid)
    written = await routers.create(router(), change)
    assert written.message.uid == uid
    assert not written.replayed


async def test_an_abandoned_claim_is_taken_over_after_a_minute(
    routers: ConfigStore[Router], connections: Connections
) -> None:
    index = NameIndex(connections, "routers")
    await index.claim("routers/churn", ids.new_uid(time.time(), random.Random(5)))
    with pytest.raises(NameTaken):
        await routers.create(router())
    await index.claim("routers/old", ids.new_uid(time.time() - 120, random.Random(5)))
    assert (await routers.create(router("old"))).message.name == "routers/old"


async def test_who_lost_the_claim_leaves_nothing(
    routers: ConfigStore[Router], connections: Connections
) -> None:
    """Somebody took our claim for abandoned while we were writing: they have the name, alone."""
    made = router()
    made.uid, made.generation, made.etag = ids.new_uid(time.time(), random.Random(5)), 1, '"e"'
    await NameIndex(connections, "routers").claim("routers/churn", "somebody-else")
    with pytest.raises(NameTaken):
        await routers._place(made, "", None)
    assert await routers.read_uid(made.uid) is None


async def test_a_deleted_router_comes_back(routers: ConfigStore[Router]) -> None:
    made = (await routers.create(router())).message
    deleted = await routers.delete("routers/churn")
    assert deleted.message.HasField("delete_time")
    with pytest.raises(RouterNotFound):
        await routers.read("routers/churn")
    assert (await routers.read("routers/churn", deleted=True)).uid == made.uid
    back = await routers.undelete("routers/churn")
    assert back.message.uid == made.uid
    assert not (await routers.read("routers/churn")).HasField("delete_time")


async def test_a_deleted_router_is_purged(routers: ConfigStore[Router], connections: Connections) -> None:
    made = (await routers.create(router())).message
    key = keys.config(ids.partition_for(made.uid), "routers", made.uid)
    await routers.delete("routers/churn")
    assert await connections.steady.ttl(key) > 0
    await routers.undelete("routers/churn")
    assert await connections.steady.ttl(key) == -1


async def test_only_the_deleted_can_be_undeleted(routers: ConfigStore[Router]) -> None:
    await routers.create(router())
    with pytest.raises(NotDeleted):
        await routers.undelete("routers/churn")


async def test_a_deleted_router_keeps_its_name_until_it_is_purged(
    routers: ConfigStore[Router], connections: Connections
) -> None:
    former = (await routers.create(router())).message
    gone = (await routers.delete("routers/churn")).message
    with pytest.raises(DeletedHasName) as refused:
        await routers.create(router())
    purged = gone.delete_time.ToDatetime() + timedelta(milliseconds=PURGE_MS)
    assert f"until {purged:%Y-%m-%d %H:%M} UTC: undelete that" in refused.value.message
    assert (await routers.undelete("routers/churn")).message.uid == former.uid
    await routers.delete("routers/churn")
    # As Redis does in the end.
    await connections.steady.delete(keys.config(ids.partition_for(former.uid), "routers", former.uid))
    later = ConfigStore(connections, ROUTERS, lambda: time.time() + 120, random.Random(3))
    new = (await later.create(router())).message
    assert (new.uid == former.uid, new.generation) == (False, 1)


async def test_a_creation_that_is_taken_back_leaves_its_name_free(routers: ConfigStore[Router]) -> None:
    made = (await routers.create(router())).message
    with pytest.raises(StaleEtag):
        await routers.discard("routers/churn", etag='"0123"')
    await routers.discard("routers/churn", etag=made.etag)
    assert await routers.find("routers/churn", deleted=True) is None
    assert (await routers.create(router())).message.uid != made.uid


async def test_a_deleted_model_is_gone(models: ConfigStore[Model]) -> None:
    made = (await models.create(Model(name="models/a"))).message
    await models.delete("models/a", etag=made.etag)
    with pytest.raises(ModelNotFound):
        await models.read("models/a")
    assert await models.read_uid(made.uid) is None
    assert (await models.create(Model(name="models/a"))).message.uid != made.uid


async def test_lists_by_name_page_by_page(routers: ConfigStore[Router]) -> None:
    for name in ("e", "b", "d", "a", "c"):
        await routers.create(router(name, tags=["odd"] if name in "ace" else []))
    await routers.delete("routers/d")
    first = await routers.list(2)
    second = await routers.list(2, first.next_page_token)
    named = [item.name for page in (first, second) for item in page.items]
    assert named == ["routers/a", "routers/b", "routers/c", "routers/e"]
    assert not second.next_page_token
    with_deleted = await routers.list(deleted=True)
    assert len(with_deleted.items) == 5
    odd = await routers.list(2, filters="tag=odd", keep=lambda item: "odd" in item.tags)
    assert [item.name for item in odd.items] == ["routers/a", "routers/c"]
    with pytest.raises(BadPageToken):
        await routers.list(2, odd.next_page_token)


async def test_a_list_frees_names_that_lead_nowhere(
    routers: ConfigStore[Router], connections: Connections
) -> None:
    index = NameIndex(connections, "routers")
    await index.claim("routers/ghost", ids.new_uid(time.time() - 3600, random.Random(5)))
    assert (await routers.list()).items == []
    assert await index.holder("routers/ghost") is None


async def test_keeps_the_last_generations(routers: ConfigStore[Router]) -> None:
    uid = (await routers.create(router(description="1"))).message.uid
    for number in range(2, KEPT_GENERATIONS + 3):
        await routers.update("routers/churn", describing(str(number)))
    first = await routers.generations("routers/churn", 30)
    second = await routers.generations("routers/churn", 30, first.next_page_token)
    kept = [item.message.generation for page in (first, second) for item in page.items]
    assert kept == list(range(KEPT_GENERATIONS + 2, 2, -1))
    assert not second.next_page_token
    former = await routers.generation(uid, 7)
    assert former is not None
    assert former.message.description == "7"
    assert await routers.generation(uid, 1) is None


async def test_what_a_newer_version_wrote_is_refused(
    routers: ConfigStore[Router], connections: Connections
) -> None:
    made = (await routers.create(router())).message
    await connections.steady.hset(
        keys.config(ids.partition_for(made.uid), "routers", made.uid), "format", "2"
    )
    with pytest.raises(NewerFormat, match="format 2"):
        await routers.read("routers/churn")
    with pytest.raises(NewerFormat):
        await routers.update("routers/churn", describing("half read"))

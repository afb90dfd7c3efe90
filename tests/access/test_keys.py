"""API keys over AccessService: shown once, kept as digests, gone everywhere at once when revoked."""

import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from turnout.router.v1 import access_service_pb2 as access
from turnout.router.v1 import router_service_pb2 as routers

from services.foundation.client import Client
from services.foundation.errors import RemoteError
from services.state import api_keys
from services.state.api_keys import ApiKeyStore
from tests.access.house import House, service
from tests.waiting import eventually


def moment(seconds: float) -> Timestamp:
    return Timestamp(seconds=int(seconds))


async def who(house: House, user: str) -> Any:
    return await house.call(user, "AccessService/WhoAmI", access.WhoAmIRequest())


async def create(house: House, by: str, **how: Any) -> Any:
    return await house.call(by, "AccessService/CreateApiKey", access.CreateApiKeyRequest(**how))


async def listed(house: House, user: str, **how: Any) -> Any:
    return await house.call(user, "AccessService/ListApiKeys", access.ListApiKeysRequest(**how))


async def test_everybody_learns_who_he_is(house: House) -> None:
    for user, said in (
        ("anonymous", ("", [], "none")),
        ("stranger", ("stranger", ["caller"], "api_key")),
        ("admin", ("bootstrap", ["caller", "admin"], "api_key")),
    ):
        told = await who(house, user)
        assert (told.user, list(told.roles), told.method) == said


async def test_only_the_digest_is_kept(house: House) -> None:
    made = await create(house, "owner", user="owner", description="laptop")
    assert made.key.created_by == made.key.user == "owner"
    redis = house.connections.steady
    for key in [key async for key in redis.scan_iter()]:
        kind = await redis.type(key)
        held = await (redis.hgetall(key) if kind == b"hash" else redis.dump(key))
        assert made.secret[-64:] not in str(held)
    assert made.secret[-64:] not in str(await listed(house, "admin"))


async def test_each_sees_his_own_and_administrators_see_all(house: House) -> None:
    assert [key.user for key in (await listed(house, "owner")).keys] == ["owner"]
    assert {key.user for key in (await listed(house, "admin")).keys} == {*house.keys} - {"admin"}
    page = await listed(house, "admin", page_size=2)
    rest = await listed(house, "admin", page_size=1000, page_token=page.next_page_token)
    assert not rest.next_page_token
    ids = [key.id for key in (*page.keys, *rest.keys)]
    assert ids == sorted(house.ids.values())
    with pytest.raises(RemoteError, match="page_token"):
        await listed(house, "owner", page_token=page.next_page_token)


@pytest.mark.parametrize("how", [{"user": "others"}, {"user": "owner", "admin": True}], ids=str)
async def test_for_others_and_for_administrators_keys_are_made_by_administrators(
    house: House, how: Any
) -> None:
    error = await house.refusal("owner", "AccessService/CreateApiKey", access.CreateApiKeyRequest(**how))
    assert (error.code, error.facts["needed"]) == ("PERMISSION_DENIED", "admin")
    assert (await create(house, "admin", **how)).key.admin is how.get("admin", False)


@pytest.mark.parametrize(
    ("how", "field"),
    [
        ({}, "user"),
        ({"user": "a\nb"}, "user"),
        ({"user": " a"}, "user"),
        ({"user": "a" * 257}, "user"),
        ({"user": "a", "description": "d" * 257}, "description"),
        ({"user": "a", "expire_time": moment(1)}, "expire_time"),
        ({"user": "a", "expire_time": Timestamp(seconds=1 << 60)}, "expire_time"),
    ],
    ids=lambda given: str(given)[:40],
)
async def test_refuses_a_key_that_cannot_be(house: House, how: Any, field: str) -> None:
    error = await house.refusal("admin", "AccessService/CreateApiKey", access.CreateApiKeyRequest(**how))
    assert (error.code, error.fields[0].field) == ("INVALID_ARGUMENT", field)


async def test_a_key_ends_when_it_was_to(house: House) -> None:
    await house.make_key("brief", expire_time=moment(time.time() + 3))
    assert await eventually(lambda: refused(house, "brief"))


async def refused(house: House, user: str) -> bool:
    try:
        await who(house, user)
    except RemoteError as error:
        return error.code == "UNAUTHENTICATED"
    return False


async def test_a_key_makes_none_that_outlives_it(house: House) -> None:
    end = int(time.time()) + 600
    await house.make_key("lender", expire_time=moment(end))
    assert (await create(house, "lender", user="lender")).key.expire_time.seconds == end
    later = await create(house, "lender", user="lender", expire_time=moment(end + 600))
    assert later.key.expire_time.seconds == end
    sooner = await create(house, "lender", user="lender", expire_time=moment(end - 60))
    assert sooner.key.expire_time.seconds == end - 60


async def test_a_revoked_key_is_refused_by_every_replica_within_a_second(
    house: House, redis_url: str, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        other = await stack.enter_async_context(service(house, "router", redis_url, tmp_path / "other", {}))
        await eventually(lambda: house.knows(other, "owner"))
        with pytest.raises(RemoteError, match="id: is required"):
            await house.call("owner", "AccessService/RevokeApiKey", access.RevokeApiKeyRequest())
        request = access.RevokeApiKeyRequest(id=house.ids["owner"])
        await house.call("owner", "AccessService/RevokeApiKey", request)
        for client in (house.clients["router"], other):
            assert await eventually(lambda client=client: unknown(house, client, "owner"), within=1)  # type: ignore[misc]


async def unknown(house: House, client: Client, user: str) -> bool:
    return not await house.knows(client, user)


async def test_a_change_that_was_not_heard_of_is_found_by_looking(house: House) -> None:
    """A notice may get lost; the number of the change does not."""
    redis = house.connections.steady
    await redis.hdel("turnout:{catalog}:api-keys", house.ids["owner"])
    await redis.incr("turnout:{catalog}:api-keys:version")
    assert await eventually(lambda: refused(house, "owner"), within=2)


async def test_each_user_has_a_bounded_number(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_keys, "MOST_OF_USER", 2)
    await create(house, "owner", user="owner")
    error = await house.refusal(
        "owner", "AccessService/CreateApiKey", access.CreateApiKeyRequest(user="owner")
    )
    assert error.reason == "STORE_FULL"


async def test_so_has_the_deployment_and_the_expired_make_room(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.make_key("brief", expire_time=moment(time.time() + 2))
    monkeypatch.setattr(api_keys, "MOST_KEYS", len(house.ids))
    request = access.CreateApiKeyRequest(user="another")
    assert (await house.refusal("admin", "AccessService/CreateApiKey", request)).reason == "STORE_FULL"
    await eventually(lambda: refused(house, "brief"))
    made = await create(house, "admin", user="another")
    held = await ApiKeyStore(house.connections, time.time).all()
    assert made.key.id in held
    assert house.ids["brief"] not in held


async def test_making_and_revoking_are_on_record_without_secrets(house: House) -> None:
    made = await create(house, "owner", user="owner")
    await house.call("owner", "AccessService/RevokeApiKey", access.RevokeApiKeyRequest(id=made.key.id))
    page = await house.call("owner", "RouterService/ListAuditEvents", routers.ListAuditEventsRequest())
    told = [(event.method, event.resource, event.caller) for event in page.events[:2]]
    name = f"apiKeys/{made.key.id}"
    assert told == [("RevokeApiKey", name, "owner"), ("CreateApiKey", name, "owner")]
    assert made.secret[-64:] not in str(page)

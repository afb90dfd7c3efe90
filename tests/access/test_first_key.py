"""The first administrator's key of a suite: made once, by whoever starts it."""

from pathlib import Path

import pytest
from turnout.router.v1 import access_service_pb2 as access

from services.cli import first_key
from services.cli.administrator import introduce
from services.foundation.client import Client
from services.foundation.settings import Settings
from tests.access.house import TOKEN, House
from tests.waiting import eventually

NOW = 1_000_000.0


async def made(house: House, file: Path, now: float = NOW) -> str:
    """What the file holds once a suite has started."""
    client = Client(house.clients["router"].target, service_token=TOKEN)
    try:
        await introduce(client, file, now)
    finally:
        await client.close()
    return held(file)


def held(file: Path) -> str:
    return file.read_text().strip() if file.exists() else ""


def mode(file: Path) -> int:
    return file.stat().st_mode & 0o777


async def administrators(house: House) -> list[str]:
    page = await house.call("admin", "AccessService/ListApiKeys", access.ListApiKeysRequest(page_size=1000))
    return [key.id for key in page.keys if key.admin]


async def test_the_first_start_makes_an_administrators_key_and_the_next_none(
    house: House, tmp_path: Path
) -> None:
    file = tmp_path / "admin.key"
    key = await made(house, file)
    assert mode(file) == 0o600
    house.keys["first"] = key
    assert await eventually(lambda: house.knows(house.clients["router"], "first"))
    told = await house.call("first", "AccessService/WhoAmI", access.WhoAmIRequest())
    assert (told.user, list(told.roles)) == ("admin", ["caller", "admin"])
    assert await made(house, file) == key
    assert len(await administrators(house)) == 1


async def test_a_key_that_is_revoked_leaves_its_file_and_another_is_made(
    house: House, tmp_path: Path
) -> None:
    file = tmp_path / "admin.key"
    former = await made(house, file)
    (key_id,) = await administrators(house)
    await house.call("admin", "AccessService/RevokeApiKey", access.RevokeApiKeyRequest(id=key_id))
    assert await made(house, file) not in ("", former)


async def test_where_somebody_else_made_an_administrator_none_is_made(house: House, tmp_path: Path) -> None:
    await house.make_key("root", admin=True)
    assert await made(house, tmp_path / "admin.key") == ""


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        ({}, True),
        ({"access_mode": "open"}, False),
        ({"access_bootstrap_key": "k" * 32}, False),
        ({"access_admins": ["ann"]}, False),
        ({"jwt_admin_claim": "roles"}, False),
    ],
    ids=str,
)
def test_settings_that_name_an_administrator_need_no_key(told: dict[str, object], wanted: bool) -> None:
    settings = Settings.model_validate({"access_mode": "enforced", **told})
    assert bool(first_key.wanted(settings)) is wanted

"""`turnout keys` and `turnout whoami` where access is enforced, over TLS."""

import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from turnout.router.v1 import access_service_pb2 as access

from services.state.connection import connect
from tests.access.house import BOOTSTRAP, House, enforced
from tests.cli.terminal import Terminal
from tests.foundation.identity.authorities import LOCAL, Authority
from tests.waiting import eventually


class Guarded(NamedTuple):
    """An enforced router behind TLS, a terminal, and what an administrator types with each command."""

    house: House
    terminal: Terminal
    authority: Authority
    admin: Sequence[str]
    anyone: Sequence[str]


@pytest.fixture
async def guarded(redis_url: str, tmp_path: Path) -> AsyncIterator[Guarded]:
    authority = Authority(tmp_path, "authority")
    chain, key = authority.issue("suite", "suite", LOCAL)
    tls = {"tls_certificate": chain, "tls_key": key, "tls_authorities": str(authority.path)}
    home = tmp_path / "home"
    home.mkdir()
    (home / "admin.key").write_text(f"{BOOTSTRAP}\n")
    async with enforced(redis_url, tmp_path, "router", **tls) as house:
        terminal = Terminal(home, {"TURNOUT_CLI_ROUTER": house.clients["router"].target})
        trust = ("--ca", str(authority.path))
        yield Guarded(house, terminal, authority, (*trust, "--key-file", "admin.key"), trust)
    async with connect(redis_url) as connections:
        await connections.steady.flushdb()


async def test_a_key_is_made_used_listed_and_revoked(guarded: Guarded) -> None:
    terminal, admin = guarded.terminal, guarded.admin
    made = await terminal.type("keys", "create", "ann", "-d", "for CI", "--expires", "30d", *admin)
    secret = made.out.removesuffix("\n")
    assert made.code == 0, made
    # Alone on standard output, and nowhere else.
    assert secret.startswith("tk_")
    assert "\n" not in secret
    assert secret not in made.wrong
    assert "for ann, until" in made.wrong

    async def known() -> bool:
        told = await terminal.type("whoami", *guarded.anyone, TURNOUT_CLI_KEY=secret)
        assert told.out == "ann, a caller, by an API key\n"
        return True

    await eventually(known)
    listed = json.loads((await terminal.type("keys", "list", *admin, "-o", "json")).out)
    (hers,) = [one for one in listed if one["user"] == "ann"]
    assert secret not in json.dumps(listed)
    refused = await terminal.type("keys", "create", "bob", *guarded.anyone, TURNOUT_CLI_KEY=secret)
    assert refused.code == 1
    assert "PERMISSION_DENIED" in refused.wrong
    assert secret not in refused.wrong
    seen = await terminal.type("doctor", *guarded.anyone, TURNOUT_CLI_KEY=secret)
    assert "what ann may not see was not looked at" in seen.out, seen
    # What goes into a pipe is not filled up with blanks.
    assert max(map(len, seen.out.splitlines())) < 1_000
    assert (await terminal.type("keys", "revoke", hers["id"], *admin)).code == 0

    async def forgotten() -> bool:
        told = await terminal.type("whoami", *guarded.anyone, TURNOUT_CLI_KEY=secret)
        assert told.code == 1
        assert "UNAUTHENTICATED" in told.wrong
        assert f"the API key {hers['id']} is unknown or revoked" in told.wrong
        return True

    await eventually(forgotten)


async def test_a_secret_in_a_file_is_its_owners_alone(guarded: Guarded) -> None:
    words = ("keys", "create", "bob", "--out", "bob.key", *guarded.admin)
    made = await guarded.terminal.type(*words)
    file = guarded.terminal.directory / "bob.key"
    assert (made.code, made.out) == (0, "")
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text().strip() not in made.wrong
    again = await guarded.terminal.type(*words)
    assert again.code == 1
    assert "File exists" in again.wrong

    async def kept() -> Sequence[access.ApiKey]:
        listed = await guarded.house.call("admin", "AccessService/ListApiKeys", access.ListApiKeysRequest())
        return [one for one in listed.keys if one.user == "bob"]

    # The second one was never made: of a key whose secret cannot be kept nobody has any use.
    assert len(await kept()) == 1


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--ca", "{ca}"), 1, "nobody: say who you are"),
        (("--ca", "{ca}", "--key-file", "none"), 2, "no file that can be read"),
        (("--ca", "{ca}", "--key-file", "empty"), 2, "it is empty"),
        (("--cert", "{ca}"), 2, "no use without each other"),
        (("--ca", "empty"), 2, "empty holds no certificate"),
        (("--ca", "{ca}", "--cert", "{ca}", "--key", "{other}"), 2, "is not that of"),
        (("--server", "localhost"), 2, "write HOST:PORT"),
        ((), 1, "it speaks TLS; --ca FILE says whom you trust"),
    ],
)
async def test_who_cannot_say_who_he_is_is_told_how(
    guarded: Guarded, words: Sequence[str], code: int, said: str
) -> None:
    (guarded.terminal.directory / "empty").write_text("\n")
    key = Authority(guarded.terminal.directory, "other").issue("other", "other", LOCAL)[1]
    typed = [word.format(ca=guarded.authority.path, other=key) for word in words]
    told = await guarded.terminal.type("whoami", *typed)
    assert told.code == code, told
    assert said in told.out + told.wrong
    assert "Traceback" not in told.wrong

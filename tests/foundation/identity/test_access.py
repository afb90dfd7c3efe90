"""Settings of access: what would leave the door open, or contradicts itself, is refused at start by name."""

import random
from pathlib import Path
from typing import Any

import pytest

from services.foundation.access import UnsafeAddressError, WrongAccessError, access_of
from services.foundation.configuration import SettingsError, load
from services.foundation.identity.authenticator import on_behalf
from services.foundation.identity.errors import BadCredentials
from services.foundation.server import Server
from services.foundation.settings import Settings
from tests.foundation.echo import POOL, Echo
from tests.foundation.identity.authorities import LOCAL, Authority
from tests.foundation.identity.guarding import TOKEN, Ring, Words

ENFORCED: dict[str, Any] = {"access_mode": "enforced", "access_service_token": TOKEN}
TOKENS: dict[str, Any] = {
    **ENFORCED,
    "jwt_keys": "https://issuer.test/keys",
    "jwt_issuer": "i",
    "jwt_audience": "a",
}


def made(**told: Any) -> Any:
    return access_of(Settings(**told), Ring(), Words(), random.Random(1))


@pytest.mark.parametrize(
    "host",
    ["0.0.0.0", "::", "[::]", "192.0.2.1", "example.test", "localhost.evil.test"],  # noqa: S104
)
def test_open_beyond_loopback_is_refused_unless_told_otherwise(host: str) -> None:
    with pytest.raises(UnsafeAddressError, match="expose") as caught:
        Server([Echo()], Settings(host=host), pool=POOL)
    assert "access_mode" in str(caught.value)
    Server([Echo()], Settings(host=host, expose=True), pool=POOL)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost"])
def test_open_on_loopback_needs_no_telling(host: str) -> None:
    Server([Echo()], Settings(host=host), pool=POOL)


def test_open_means_no_guard() -> None:
    assert made() is None


async def test_enforced_may_listen_anywhere_that_credentials_are_safe(tmp_path: Path) -> None:
    for host in ("0.0.0.0", "192.0.2.1", "turnout.example"):  # noqa: S104
        with pytest.raises(UnsafeAddressError, match="tls_certificate and tls_key, or set clear_text"):
            made(host=host, **ENFORCED)
        # Who may be asked for nothing may not be told of everything: this is of another setting.
        with pytest.raises(UnsafeAddressError, match="clear_text"):
            made(host=host, expose=True, **ENFORCED)
        assert made(host=host, clear_text=True, **ENFORCED) is not None
        chain, key = Authority(tmp_path, "authority").issue("suite", "suite", LOCAL)
        assert made(host=host, tls_certificate=chain, tls_key=key, **ENFORCED) is not None
    assert made(host="127.0.0.1", **ENFORCED) is not None
    with pytest.raises(UnsafeAddressError, match="expose"):
        made(host="0.0.0.0", clear_text=True)  # noqa: S104
    assert made(**TOKENS).keys is not None


async def test_the_service_token_changes_step_by_step_without_an_outage() -> None:
    """Each step, met by processes that have not taken it yet."""
    old, new = TOKEN, f"{TOKEN}, and newer"
    steps = [(old, ""), (old, new), (new, old), (new, "")]
    processes = [
        made(access_mode="enforced", access_service_token=sent, access_service_token_also=also)
        for sent, also in steps
    ]
    for place, (sent, _) in enumerate(steps):
        for access in processes[max(0, place - 1) : place + 2]:
            caller = await access.authenticator.identify(on_behalf(sent, "ann"), "peer")
            assert (caller.name, caller.method) == ("ann", "service")
    with pytest.raises(BadCredentials):
        await processes[3].authenticator.identify(on_behalf(old, "ann"), "peer")


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"access_mode": "enforced"}, "needs access_service_token"),
        ({**ENFORCED, "access_service_token": "x" * 31}, "access_service_token has 31 characters"),
        ({**ENFORCED, "access_service_token_also": "short"}, "access_service_token_also has 5 characters"),
        ({**ENFORCED, "access_bootstrap_key": "short"}, "access_bootstrap_key has 5 characters"),
        ({**TOKENS, "jwt_issuer": ""}, "jwt_keys needs jwt_issuer"),
        ({**TOKENS, "jwt_audience": ""}, "jwt_keys needs jwt_audience"),
        ({**TOKENS, "jwt_admin_claim": "roles"}, "jwt_admin_claim and jwt_admin_value"),
        ({**TOKENS, "jwt_keys": "http://issuer.test/keys"}, "use https"),
        ({"tls_certificate": "a"}, "tls_certificate and tls_key"),
        ({"tls_client_authorities": "a"}, "needs tls_certificate"),
        ({"tls_certificate": "/absent", "tls_key": "/absent"}, "there is no such file"),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_refuses_what_does_not_fit_together(told: dict[str, Any], said: str) -> None:
    with pytest.raises(WrongAccessError, match=said) as caught:
        made(**told)
    assert "x" * 31 not in str(caught.value)


@pytest.mark.parametrize("algorithm", ["HS256", "HS512", "none", ""])
def test_a_shared_secret_is_no_way_to_sign(tmp_path: Path, algorithm: str) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text(f"jwt_algorithms: ['{algorithm}']\n")
    with pytest.raises(SettingsError, match="jwt_algorithms"):
        load(Settings, "cli", path)


def test_a_secret_that_is_wrong_is_not_repeated(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text(f"access_service_token: ['{TOKEN}']\n")
    with pytest.raises(SettingsError, match="access_service_token") as caught:
        load(Settings, "cli", path)
    assert TOKEN not in str(caught.value)
    assert TOKEN not in repr(Settings(**ENFORCED))

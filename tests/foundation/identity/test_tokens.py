"""Tokens: what is verified, what is refused and why, and what is remembered."""

import asyncio
import json
import random
import time
from collections.abc import Iterator
from typing import Any

import pytest

from services.foundation.identity.errors import BadCredentials, KeysUnavailable
from services.foundation.identity.key_set import (
    FIRST_BACKOFF,
    UNKNOWN_KEY_SECONDS,
    BadKeySet,
    KeySet,
    fetch,
    parse,
)
from services.foundation.identity.tokens import Expected, TokenVerifier
from tests.foundation.identity.issuing import AUDIENCE, ISSUER, Jwks, Key, encoded, forged, serving

EXPECTED = Expected(("RS256", "ES256", "EdDSA"), ISSUER, AUDIENCE, admin_claim="roles", admin_value="root")


class Hands:
    """Clocks that a test turns."""

    def __init__(self) -> None:
        self.clock = 0.0
        self.late = 0.0

    def now(self) -> float:
        return time.time() + self.late


@pytest.fixture
def key() -> Key:
    return Key("first")


@pytest.fixture
def jwks(key: Key) -> Iterator[Jwks]:
    with serving(Jwks(key)) as served:
        yield served


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
async def verifier(jwks: Jwks, hands: Hands) -> TokenVerifier:
    keys = KeySet(jwks.url, rng=random.Random(1), clock=lambda: hands.clock)
    return TokenVerifier(keys, EXPECTED, now=hands.now, most=3)


async def refused(verifier: TokenVerifier, token: str) -> str:
    """Why a token is refused. The token itself is never part of what is said."""
    with pytest.raises(BadCredentials) as caught:
        await verifier.caller_of(token, "peer")
    for part in token.split("."):
        assert not part or part not in caught.value.message
    return caught.value.facts["why"]


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
async def test_a_good_token_names_its_user(jwks: Jwks, verifier: TokenVerifier, algorithm: str) -> None:
    jwks.keys.append(key := Key("second", algorithm))
    caller = await verifier.caller_of(key.token("bob"), "peer")
    assert (caller.name, caller.method, caller.admin) == ("bob", "jwt", False)


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"exp": 1}, "expired"),
        ({"nbf": 4e9}, "not_yet_valid"),
        ({"aud": "others"}, "audience"),
        ({"aud": None}, "claim"),
        ({"iss": "https://evil.test"}, "issuer"),
        ({"iss": None}, "claim"),
        ({"exp": None}, "claim"),
        ({"exp": "soon"}, "malformed"),
        ({"sub": None}, "claim"),
        ({"sub": ""}, "claim"),
        ({"sub": "a\nb"}, "claim"),
        ({"sub": " ann"}, "claim"),
        ({"sub": "a" * 257}, "claim"),
    ],
    ids=str,
)
async def test_refuses_claims_that_do_not_fit(
    verifier: TokenVerifier, key: Key, claims: dict[str, Any], why: str
) -> None:
    assert await refused(verifier, key.token(**claims)) == why


async def test_an_audience_among_several_will_do(verifier: TokenVerifier, key: Key) -> None:
    assert (await verifier.caller_of(key.token(aud=["others", AUDIENCE]), "peer")).name == "ann"


@pytest.mark.parametrize(
    ("roles", "admin"),
    [
        ("root", True),
        (["user", "root"], True),
        (["user"], False),
        ("rootless", False),
        (True, False),
        (None, False),
    ],
)
async def test_an_administrator_by_claim(verifier: TokenVerifier, key: Key, roles: Any, admin: bool) -> None:
    assert (await verifier.caller_of(key.token(roles=roles), "peer")).admin is admin


async def test_without_an_admin_claim_nobody_is_one(jwks: Jwks, key: Key) -> None:
    keys = KeySet(jwks.url, rng=random.Random(1), clock=time.monotonic)
    plain = TokenVerifier(keys, Expected(("ES256",), ISSUER, AUDIENCE, admins=frozenset({"eve"})))
    assert not (await plain.caller_of(key.token(headers={}, **{"": ""}), "peer")).admin
    assert (await plain.caller_of(key.token("eve"), "peer")).admin


async def test_refuses_an_unsigned_token(verifier: TokenVerifier, key: Key) -> None:
    claims = {"sub": "ann", "iss": ISSUER, "aud": AUDIENCE, "exp": time.time() + 600}
    for name in ("none", "None", "nOnE"):
        assert await refused(verifier, forged({"alg": name, "kid": key.kid}, claims)) == "algorithm"


async def test_refuses_a_public_key_as_a_shared_secret(jwks: Jwks, verifier: TokenVerifier) -> None:
    """The classic confusion: HS256, with the text of the RSA public key as its secret."""
    jwks.keys.append(key := Key("rsa", "RS256"))
    claims = {"sub": "ann", "iss": ISSUER, "aud": AUDIENCE, "exp": time.time() + 600}
    token = forged({"alg": "HS256", "typ": "JWT", "kid": "rsa"}, claims, key.pem())
    assert await refused(verifier, token) == "algorithm"


async def test_a_symmetric_key_in_a_key_set_is_none(jwks: Jwks, verifier: TokenVerifier, key: Key) -> None:
    claims = {"sub": "ann", "iss": ISSUER, "aud": AUDIENCE, "exp": time.time() + 600}
    shared = {
        "kty": "oct",
        "kid": "oct",
        "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA",
        "alg": "HS256",
    }
    assert set(parse(b'{"keys": [%s, %s]}' % (_json(shared), _json(key.jwk())))) == {"first"}
    jwks.body = b'{"keys": [%s, %s]}' % (_json(shared), _json(key.jwk()))
    token = forged({"alg": "HS256", "kid": "oct"}, claims, b"secret-secret-secret-secret-secret")
    assert await refused(verifier, token) == "unknown_key"


async def test_an_algorithm_that_is_not_pinned_is_refused(jwks: Jwks) -> None:
    jwks.keys.append(key := Key("rsa", "RS256"))
    keys = KeySet(jwks.url, rng=random.Random(1), clock=time.monotonic)
    assert (
        await refused(TokenVerifier(keys, Expected(("ES256",), ISSUER, AUDIENCE)), key.token()) == "algorithm"
    )


async def test_refuses_a_signature_by_another_key(verifier: TokenVerifier) -> None:
    assert await refused(verifier, Key("first").token()) == "signature"


@pytest.mark.parametrize("token", ["", ".", "a.b", "a.b.c", "a.b.c.d.e", "e30.e30.", "ä.ö.ü", "." * 9000])
async def test_refuses_what_is_no_token(verifier: TokenVerifier, token: str) -> None:
    with pytest.raises(BadCredentials):
        await verifier.caller_of(token, "peer")


async def test_a_token_without_the_name_of_its_key_will_do_while_there_is_but_one(
    jwks: Jwks, verifier: TokenVerifier, key: Key, hands: Hands
) -> None:
    assert (await verifier.caller_of(key.token(headers={}), "peer")).name == "ann"
    jwks.keys.append(Key("second"))
    await verifier.keys.refresh()
    assert await refused(verifier, key.token("bob", headers={})) == "unknown_key"


async def test_a_new_key_is_known_as_soon_as_a_token_names_it(
    jwks: Jwks, verifier: TokenVerifier, key: Key, hands: Hands
) -> None:
    await verifier.caller_of(key.token(), "peer")
    jwks.keys = [new := Key("second")]
    hands.clock += UNKNOWN_KEY_SECONDS
    assert (await verifier.caller_of(new.token("bob"), "peer")).name == "bob"
    assert await refused(verifier, key.token()) == "unknown_key"


async def test_unknown_keys_have_the_set_fetched_once_in_a_while(
    jwks: Jwks, verifier: TokenVerifier, hands: Hands
) -> None:
    """Anybody can make up tokens; they must not turn us on the issuer."""
    await verifier.keys.refresh()
    for number in range(50):
        assert await refused(verifier, Key(f"made-up-{number}").token()) == "unknown_key"
    assert jwks.asked == 1
    hands.clock += UNKNOWN_KEY_SECONDS
    assert await refused(verifier, Key("made-up").token()) == "unknown_key"
    assert jwks.asked == 2


async def test_what_was_verified_ends_with_its_key(jwks: Jwks, verifier: TokenVerifier, key: Key) -> None:
    token = key.token()
    await verifier.caller_of(token, "peer")
    jwks.keys = [Key("second")]
    await verifier.keys.refresh()
    assert await refused(verifier, token) == "unknown_key"


async def test_what_was_verified_ends_when_it_expires(
    verifier: TokenVerifier, key: Key, hands: Hands
) -> None:
    await verifier.keys.refresh()
    token = key.token()
    await verifier.caller_of(token, "peer")
    hands.late = 600.0 + 6.0
    assert await refused(verifier, token) == "expired"


async def test_remembers_a_bounded_number(verifier: TokenVerifier, key: Key) -> None:
    for number in range(10):
        await verifier.caller_of(key.token(f"user-{number}"), "peer")
    assert len(verifier._known) == 3


async def test_nothing_is_known_against_a_caller_before_the_keys_are_there(
    jwks: Jwks, verifier: TokenVerifier
) -> None:
    jwks.status = 500
    with pytest.raises(KeysUnavailable) as caught:
        await verifier.caller_of(Key("first").token(), "peer")
    assert caught.value.retry_after


async def test_a_crowd_that_comes_before_the_keys_are_there_asks_the_issuer_once(
    jwks: Jwks, verifier: TokenVerifier, key: Key, hands: Hands
) -> None:
    jwks.status = 503
    crowd = (verifier.caller_of(key.token(f"user-{number}"), "peer") for number in range(20))
    said = await asyncio.gather(*crowd, return_exceptions=True)
    assert {type(one) for one in said} == {KeysUnavailable}
    assert jwks.asked == 1
    jwks.status = 200
    hands.clock += FIRST_BACKOFF
    assert (await verifier.caller_of(key.token(), "peer")).name == "ann"
    assert jwks.asked == 2


HEADERS = [
    b"[" * 5000,
    b'{"a":' * 1200,
    b'{"alg":"ES256","x":' + b"9" * 5000 + b"}",
    b'{"alg":"ES256","kid":["first"]}',
    b'{"alg":["ES256"],"kid":"first"}',
    b'{"alg":null,"kid":"first"}',
    b'{"alg":"ES256","kid":"first","crit":["x"],"x":1}',
    b'{"alg":"ES256","kid":"first","b64":false}',
    b'{"alg":"ES256","kid":"first","jwk":{"kty":"oct","k":"c2VjcmV0"}}',
    b"\xff\xfe",
]


@pytest.mark.parametrize("header", HEADERS, ids=lambda header: repr(header[:30]))
async def test_no_header_however_odd_gets_further_than_a_refusal(
    verifier: TokenVerifier, header: bytes
) -> None:
    """Whoever may connect may write one: it is read before any signature is."""
    await refused(verifier, f"{encoded(header)}.e30.{encoded(b'signature')}")


@pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("when", [float("inf"), float("nan"), 10**400, [], {}], ids=str)
async def test_a_time_that_is_none_is_refused(
    verifier: TokenVerifier, key: Key, claim: str, when: Any
) -> None:
    with pytest.raises(BadCredentials):
        await verifier.caller_of(key.token(**{claim: when}), "peer")


async def test_clocks_may_differ_by_a_few_seconds(verifier: TokenVerifier, key: Key) -> None:
    now = time.time()
    assert (await verifier.caller_of(key.token(exp=now - 2), "peer")).name == "ann"
    assert (await verifier.caller_of(key.token(nbf=now + 2), "peer")).name == "ann"
    assert await refused(verifier, key.token(exp=now - 60)) == "expired"
    assert await refused(verifier, key.token(nbf=now + 60)) == "not_yet_valid"


async def test_while_the_issuer_fails_its_last_keys_stay(
    jwks: Jwks, verifier: TokenVerifier, key: Key
) -> None:
    await verifier.keys.refresh()
    for body, status in ((b"{}", 200), (b"not json", 200), (b'{"keys": []}', 200), (b"", 503), (b"x", 302)):
        jwks.body, jwks.status = body, status
        assert not await verifier.keys.refresh()
        assert (await verifier.caller_of(key.token(str(status) + body.decode() + "."), "peer")).name


def test_follows_no_redirection(jwks: Jwks) -> None:
    jwks.status = 302
    with pytest.raises(OSError, match="302"):
        fetch(jwks.url)
    assert jwks.asked == 1


def test_refuses_a_key_set_without_end(jwks: Jwks) -> None:
    jwks.body = b" " * (1024 * 1024 + 1)
    with pytest.raises(BadKeySet, match="more than"):
        fetch(jwks.url)


def test_reads_a_file_too(tmp_path: Any, key: Key) -> None:
    path = tmp_path / "keys.json"
    path.write_bytes(Jwks(key).document())
    assert set(fetch(str(path))) == {"first"}


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode()

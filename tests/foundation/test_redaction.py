"""What is taken out of log lines and of complaints about settings: what looks like a secret, and what is
one."""

import io
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.foundation import logs
from services.foundation.configuration import SettingsError, load
from services.foundation.logs import log
from services.foundation.redaction import Redaction, secrets_in
from services.router.settings import RouterSettings

KEY = f"tk_{'0123456789abcdef'}_{'f' * 64}"
TOKEN = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl"  # noqa: S105
SERVICE = "no pattern knows this one"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"x-api-key: {KEY}", "x-api-key: tk_0123456789abcdef_***"),
        (f"{{'authorization': 'Bearer {TOKEN}'}}", "{'authorization': 'Bearer ***'}"),
        ("authorization: Basic dXNlcjpwYXNzd29yZA==", "authorization: Basic ***"),
        (f"token {TOKEN} is bad", "token *** is bad"),
        ("redis://turnout:pa55word@10.0.0.1:6379/0", "redis://***@10.0.0.1:6379/0"),
        ("rediss://:pa%40ss@[::1]/0 and more", "rediss://***@[::1]/0 and more"),
        ("OPENAI sk-proj-0123456789abcdefgh", "OPENAI sk-***"),
        ("-----BEGIN EC PRIVATE KEY-----\nMHcC\n-----END EC PRIVATE KEY-----", "***"),
        (f"header {SERVICE}", "header ***"),
    ],
    ids=lambda text: text[:20],
)
def test_what_is_a_secret_is_masked(text: str, left: str) -> None:
    assert Redaction([SERVICE, "short"])(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "authorization is written: Bearer, a blank, an API key or a token",
        "routers/tk_churn is not running",
        "redis://127.0.0.1:6379/0",
        "ann@example.com is short of nothing",
        "basic facts",
        "",
    ],
)
def test_what_is_none_is_left(text: str) -> None:
    assert Redaction(["short", ""])(text) == text


def test_settings_tell_what_is_to_be_hidden() -> None:
    settings = RouterSettings(redis_url="redis://u:p%40ssw0rd@h:1/0", access_service_token=SERVICE)
    assert {SERVICE, "p%40ssw0rd", "p@ssw0rd"} <= set(secrets_in(settings))


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    before = logging.getLogger().handlers[:], logging.getLogger().level
    stream = io.StringIO()
    logs.configure("test", level="DEBUG", form="json", stream=stream, secrets=[SERVICE])
    yield stream
    logging.getLogger().handlers[:], level = before
    logging.getLogger().setLevel(level)


def test_no_logger_writes_a_secret(written: io.StringIO) -> None:
    """Neither ours nor a library's, neither in words nor in a traceback."""
    log.warning("refused", header=f"Bearer {KEY}", why={"token": TOKEN})
    logging.getLogger("some.library").debug("sent %s to %s", SERVICE, "redis://:pa55word@h/0")
    try:
        raise ValueError(f"cannot use {KEY}")
    except ValueError:
        log.exception("failed")
    assert len(written.getvalue().splitlines()) == 3
    for secret in (KEY, KEY[-64:], TOKEN, SERVICE, "pa55word"):
        assert secret not in written.getvalue()


@pytest.mark.parametrize(
    "text",
    [
        "redis_url: 7\nrouter: {redis_url: ['redis://:pa55word@h/0']}",
        "access_service_token: 'pa55word\n  x: y",
    ],
    ids=["wrong value", "no YAML"],
)
def test_a_complaint_about_settings_repeats_no_secret(tmp_path: Path, text: str) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load(RouterSettings, "router", path)
    assert "pa55word" not in str(caught.value)

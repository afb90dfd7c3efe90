"""One POST to one webhook, against a real server that does not always mean well."""

import hashlib
import hmac
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from turnout.drift.v1.alert_config_pb2 import WEBHOOK_FORMAT_JSON, WEBHOOK_FORMAT_SLACK, Webhook
from turnout.drift.v1.alert_pb2 import ALERT_KIND_DRIFT, Alert

from services.drift.alerts import sender as sending
from services.drift.alerts.addresses import WebhookResolver
from services.drift.alerts.sender import Outcome, Sender
from services.drift.alerts.signing import sign, verify
from services.models.reach import ForbiddenAddressError
from tests.drift.alerts.receiver import Answer, Receiver, hanging, huge, receiving, reset, status

ALERT = Alert(
    name="models/churn/alerts/a",
    model="models/churn",
    kind=ALERT_KIND_DRIFT,
    severity="ALERT_SEVERITY_ALERT",
    summary="1 feature is past a threshold: <!channel> & age.",
    features=[{"feature": "<!channel>", "statistic": "psi", "value": 0.34, "threshold": 0.2}],
)
KEY = "a secret of many characters"


@pytest.fixture
async def sender() -> AsyncIterator[Sender]:
    one = Sender(time.time, seconds=5.0)
    yield one
    await one.close()


def webhook(url: str, **changes: object) -> Webhook:
    return Webhook(id="ops", url=url, format=WEBHOOK_FORMAT_JSON, **changes)  # type: ignore[arg-type]


async def sent(sender: Sender, *answers: Answer) -> tuple[Outcome, Receiver]:
    async with receiving(answers) as receiver:
        return await sender.send(webhook(receiver.url), "firing", "id-1", ALERT), receiver


@pytest.mark.parametrize("code", [200, 201, 202, 204])
async def test_what_is_taken_is_delivered(sender: Sender, code: int) -> None:
    outcome, receiver = await sent(sender, status(code))
    assert (outcome.delivered, outcome.status, outcome.error) == (True, code, "")
    assert receiver.notes[0].headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("code", "passing"), [(400, False), (401, False), (404, False), (410, False), (408, True), (429, True),
                          (500, True), (502, True), (503, True)],
)  # fmt: skip
async def test_what_is_refused_says_why_and_whether_to_come_again(
    sender: Sender, code: int, passing: bool
) -> None:
    outcome, _ = await sent(sender, status(code, "no  such\nchannel\x00"))
    assert outcome == Outcome(False, code, outcome.seconds, f"HTTP {code}: no such channel", passing)


async def test_a_server_that_says_when_is_asked_no_sooner(sender: Sender) -> None:
    outcome, _ = await sent(sender, status(503, headers={"Retry-After": "120"}))
    assert outcome.wait == 120


async def test_redirects_are_not_followed(sender: Sender) -> None:
    outcome, receiver = await sent(sender, status(302, headers={"Location": "/elsewhere"}))
    assert "redirects are not followed" in outcome.error
    assert (outcome.delivered, outcome.passing, len(receiver.notes)) == (False, False, 1)


async def test_a_connection_that_is_cut_is_tried_again_later(sender: Sender) -> None:
    outcome, _ = await sent(sender, reset)
    assert (outcome.delivered, outcome.status, outcome.passing) == (False, 0, True)
    assert "connection" in outcome.error


async def test_nobody_there_is_told_without_naming_the_url(sender: Sender) -> None:
    async with receiving() as receiver:
        gone = receiver.url
    outcome = await sender.send(webhook(gone + "/T0/secret-path"), "firing", "id", ALERT)
    assert (outcome.error, outcome.passing) == ("cannot be reached: it refused the connection", True)


async def test_a_server_that_hangs_is_not_waited_for() -> None:
    sender = Sender(time.time, seconds=0.2)
    async with receiving() as receiver:
        receiver.script.append(hanging(receiver))
        outcome = await sender.send(webhook(receiver.url), "firing", "id", ALERT)
    await sender.close()
    assert (outcome.error, outcome.passing) == ("no answer within 0.2 s", True)


async def test_of_an_endless_answer_only_the_beginning_is_read(sender: Sender) -> None:
    outcome, _ = await sent(sender, huge)
    assert (outcome.delivered, outcome.status) == (True, 200)


async def test_headers_of_ones_own_go_along_and_a_secret_signs(sender: Sender) -> None:
    async with receiving() as receiver:
        given = webhook(receiver.url, secret=KEY, headers={"Authorization": "Bearer x"})
        await sender.send(given, "resolved", "id-7", ALERT)
    (note,) = receiver.notes
    assert note.headers["Authorization"] == "Bearer x"
    assert (note.headers["Idempotency-Key"], note.headers["Turnout-Event"]) == ("id-7", "resolved")
    signature = note.headers["Turnout-Signature"]
    assert verify(KEY.encode(), note.body, signature, time.time())
    assert not verify(KEY.encode(), note.body + b" ", signature, time.time())
    assert not verify(KEY.encode(), note.body, signature, time.time() + 301)
    assert KEY not in repr(note)


@pytest.mark.parametrize("header", ["", "t=,v1=", "v1=00", "t=x,v1=00", "nonsense"])
def test_a_signature_that_is_none_is_none(header: str) -> None:
    assert not verify(KEY.encode(), b"{}", header, 0.0)


async def test_slack_is_sent_a_message_that_rings_nobody(sender: Sender) -> None:
    async with receiving() as receiver:
        given = Webhook(id="slack", url=receiver.url, format=WEBHOOK_FORMAT_SLACK)
        await sender.send(given, "firing", "id", ALERT)
    said = receiver.notes[0].said
    assert said["text"] == "ALERT firing: drift of models/churn"
    (attachment,) = said["attachments"]
    assert attachment["color"] == "danger"
    assert "&lt;!channel&gt;: psi 0.34 (threshold 0.2)" in attachment["text"]
    assert "<!channel>" not in receiver.notes[0].body.decode()


class Named(AbstractResolver):
    """Resolves everything to the address that it is given."""

    def __init__(self, address: str) -> None:
        self._address = address

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        return [ResolveResult(hostname=host, host=self._address, port=port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        return


async def test_a_name_that_leads_to_metadata_is_refused_when_it_is_resolved() -> None:
    resolver = WebhookResolver("private", Named("169.254.169.254"))
    with pytest.raises(ForbiddenAddressError, match="link-local"):
        await resolver.resolve("innocent.example", 80)
    assert await WebhookResolver("any", Named("169.254.169.254")).resolve("innocent.example", 80)


async def test_what_is_refused_is_not_connected_to(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    def guarded(reach: object) -> WebhookResolver:
        return WebhookResolver("public", Named("127.0.0.1"))

    monkeypatch.setattr(sending, "WebhookResolver", guarded)
    async with receiving() as receiver:
        port = receiver.url.rpartition(":")[2]
        outcome = await sender.send(webhook(f"http://innocent.example:{port}"), "firing", "id", ALERT)
    assert not receiver.notes
    assert (outcome.delivered, outcome.passing) == (False, False)
    assert outcome.error.startswith("innocent.example leads to a private address")


async def test_an_address_that_settings_no_longer_allow_is_not_sent_to() -> None:
    sender = Sender(time.time, "public")
    async with receiving() as receiver:
        outcome = await sender.send(webhook(receiver.url), "firing", "id", ALERT)
    await sender.close()
    assert not receiver.notes
    assert "private address" in outcome.error


def test_the_page_tells_receivers_how_to_verify() -> None:
    """What docs/reference/alerts.md has them paste, as it stands."""
    page = (Path(__file__).parents[3] / "docs/reference/alerts.md").read_text()
    (snippet,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {"hashlib": hashlib, "hmac": hmac, "time": time}
    exec(snippet, names)  # noqa: S102 (the page's own words)
    verified, key = names["verified"], KEY.encode()
    body, now = b'{"event": "firing"}', int(time.time())
    assert verified(key, {"Turnout-Signature": sign(key, body, now)}, body)
    assert not verified(key, {"Turnout-Signature": sign(key, body, now)}, body + b" ")
    assert not verified(b"another", {"Turnout-Signature": sign(key, body, now)}, body)
    assert not verified(key, {"Turnout-Signature": sign(key, body, now - 301)}, body)

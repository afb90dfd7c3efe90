"""TestAlert: every webhook, now and once, and how each took it."""

import pytest
from turnout.drift.v1 import alert_rpc_pb2 as rpc
from turnout.router.v1.model_pb2 import Model

from services.drift.alerts.signing import verify
from services.foundation.errors import RemoteError
from tests.drift.alerts.conftest import SECRET, Clock, Station, alerts, hook, settings
from tests.drift.alerts.receiver import Receiver, status
from tests.drift.conftest import Ask

TEST = rpc.TestAlertRequest(model="churn")


async def test_a_test_says_that_it_is_one_and_raises_nothing(
    ask: Ask, watched: Model, receiver: Receiver, station: Station, clock: Clock
) -> None:
    answer = await ask("TestAlert", TEST)
    assert answer.delivered
    (trial,) = answer.trials
    assert (trial.webhook, trial.delivered, trial.status_code, trial.error) == ("ops", True, 200, "")
    assert 0 < trial.latency.ToMicroseconds() < 5_000_000
    (note,) = receiver.notes
    assert (note.said["test"], note.said["event"], note.headers["Turnout-Event"]) == (True, "test", "test")
    assert "nothing has happened" in note.said["alert"]["summary"]
    assert verify(SECRET.encode(), note.body, note.headers["Turnout-Signature"], clock())
    assert await alerts(ask) == []
    assert await station.courier.round() == 0


async def test_each_webhook_says_for_itself_what_went_wrong(
    ask: Ask, watched: Model, receiver: Receiver
) -> None:
    hooks = [hook(receiver), {"id": "gone", "url": "http://127.0.0.1:1/"}]
    await ask("UpdateAlertConfig", settings(webhooks=hooks))
    receiver.script = [status(403, "not in this channel")]
    answer = await ask("TestAlert", TEST)
    assert not answer.delivered
    told = {one.webhook: (one.status_code, one.error) for one in answer.trials}
    assert told == {
        "ops": (403, "HTTP 403: not in this channel"),
        "gone": (0, "cannot be reached: it refused the connection"),
    }
    # Nobody tries again: whoever tests wants to know how it is.
    assert len(receiver.notes) == 1


async def test_only_those_that_are_named_are_told(ask: Ask, watched: Model, receiver: Receiver) -> None:
    hooks = [hook(receiver), hook(receiver, id="slack", format="WEBHOOK_FORMAT_SLACK")]
    await ask("UpdateAlertConfig", settings(webhooks=hooks))
    answer = await ask("TestAlert", rpc.TestAlertRequest(model="churn", webhooks=["slack", "slack"]))
    assert [one.webhook for one in answer.trials] == ["slack"]
    assert receiver.notes[0].said["text"].startswith("TEST, nothing has happened")
    with pytest.raises(RemoteError, match="it has ops, slack") as refused:
        await ask("TestAlert", rpc.TestAlertRequest(model="churn", webhooks=["pager"]))
    assert refused.value.fields[0].field == "webhooks[0]"

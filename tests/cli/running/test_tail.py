"""`turnout tail` through the restart of a router, and until Ctrl-C."""

import asyncio
import os
import signal
from typing import Any

import pytest
from turnout.inference.v1.event_pb2 import PredictionEvent

from services.cli.tail.condition import Condition
from services.cli.tail.printing import line
from services.foundation.errors import RemoteUnavailable
from services.foundation.expressions import BadExpression
from tests.cli.running.town import Town
from tests.cli.terminal import Begun, Terminal
from tests.waiting import eventually

FAILED: Any = {
    "error_code": "UNAVAILABLE",
    "error_message": "nobody answered\x1b[2J",
    "attributes": {"region": "north"},
    "features": {"numeric_features": {"age": 40.0}},
    "manifest": {
        "router": "routers/churn",
        "prediction_id": "p1",
        "degraded": True,
        "total_latency": {"nanos": 12_000_000},
        "decision": {"variant": "a", "strategy": "weighted", "propensity": 0.7},
        "participants": [{"variant": "b", "outcome": "OUTCOME_FAILED"}],
    },
}


async def said(begun: Begun, words: str) -> None:
    """Wait until it complains so."""

    def there() -> bool:
        assert words in begun.wrong, begun.wrong
        return True

    await eventually(there, within=30)


async def again(running: Town) -> str:
    """A prediction's id, once the channel has found the router that is back."""
    try:
        return str((await running.desk.predict("learner")).prediction_id)
    except RemoteUnavailable as away:
        raise AssertionError("not found yet") from away


async def test_what_was_predicted_while_nobody_could_tell_follows(running: Town, terminal: Terminal) -> None:
    begun = terminal.begin("tail", "learner")
    await said(begun, "following learner")

    async def live() -> bool:
        await running.desk.predict("learner")
        return "learner" in begun.out

    await eventually(live, within=30)
    pid = begun.process.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        await running.stop("router")
        await running.start("router")
        missed = {await eventually(lambda: again(running)) for _ in range(3)}
        # Those that are on their way to Redis still are told live to who follows from then on.
        for one in missed:
            await running.recorded(one)
    finally:
        # One that is stopped is ended by nothing but SIGKILL, and waited for without end.
        os.kill(pid, signal.SIGCONT)
    await said(begun, "learner: back after")

    def told() -> bool:
        lines = begun.out.splitlines()
        assert missed <= {one.split()[-1] for one in lines if one.startswith("~")}, (lines, begun.wrong)
        return True

    await eventually(told, within=90)
    await running.desk.predict("learner")
    os.kill(pid, signal.SIGINT)
    ended = await begun.end()
    ids = [one.split()[-1] for one in ended.out.splitlines()]
    assert len(ids) == len(set(ids))
    assert ended.code == 130
    assert "Traceback" not in ended.wrong


async def test_a_router_that_is_not_there_ends_it(terminal: Terminal) -> None:
    told = await asyncio.wait_for(terminal.type("tail", "nobody"), 60)
    assert told.code == 1
    assert "ROUTER_NOT_FOUND" in told.wrong


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("failed && latency_ms > 10.0", True),
        ("variant == 'a' && attributes['region'] == 'north'", True),
        ("features['age'] < 30.0", False),
        ("features['income'] > 1.0", False),
        ("error == 'UNAVAILABLE' && degraded && propensity > 0.5", True),
        ("answer == 'yes'", False),
    ],
)
def test_a_condition_sees_what_a_line_tells(text: str, holds: bool) -> None:
    assert Condition(text).holds(PredictionEvent(**FAILED)) is holds


def test_a_condition_of_what_is_not_there_is_refused_with_what_there_is() -> None:
    with pytest.raises(BadExpression, match=r"speaks of age; there are router, variant, .*features"):
        Condition("age > 30")


def test_a_line_says_who_failed_and_why_and_obeys_nobody() -> None:
    told = line(PredictionEvent(**FAILED), late=True).plain
    assert told.startswith("~")
    assert " churn a  UNAVAILABLE nobody answered·[2J  12 ms  degraded  weighted p 70 %  p1" in told

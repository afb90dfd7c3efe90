"""`turnout models` and `turnout routers` as people type them: what is wrong, for machines, and completed."""

import json
import sys

import pytest
import yaml
from turnout.router.v1 import router_service_pb2 as rpc

from tests.cli.running.town import Town
from tests.cli.terminal import Terminal
from tests.waiting import eventually


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("routers", "get", "trail"), 1, "Did you mean trial"),
        (("models", "get", "cancer-byes"), 1, "Did you mean cancer-bayes"),
        (
            ("routers", "weights", "cancer", "cancer-byes=3"),
            1,
            "no variant cancer-byes; did you mean cancer-bayes?",
        ),
        (("routers", "weights", "cancer", "cancer-bayes"), 2, "write VARIANT=WEIGHT"),
        (("routers", "weights", "cancer", "a=1", "a=2"), 2, "a variant is named twice"),
        (("routers", "weights", "learner", "cancer-bayes=3"), 1, "bandit"),
        (("routers", "weights", "cancer", "cancer-bayes=3", "--etag", "old"), 1, "STALE_ETAG"),
        (("routers", "list", "--state", "asleep"), 2, "write one of registered, deploying, running"),
        (("routers", "rollback", "cancer", "99"), 1, "99"),
        (("routers", "deploy", "cancer", "--wait", "soon"), 2, "90m, 24h or 7d"),
        (("routers", "manifest", "none"), 1, "prediction"),
        (("models", "register", "x", "--protocol", "opi"), 2, "did you mean oip?"),
        (("models", "register"), 2, "name the model"),
        (("models", "register", "x", "--timeout", "soon"), 2, "timeout: is a time"),
        (("models", "delete", "cancer-bayes"), 1, "routers/"),
        (("models", "test", "cancer-bayes", "--input", "{"), 2, "--input"),
        (("routers", "get", "trial", "--server", "127.0.0.1:1"), 1, "SERVICE_UNAVAILABLE"),
    ],
)
async def test_what_is_wrong_is_told_with_what_to_do(
    terminal: Terminal, words: tuple[str, ...], code: int, said: str
) -> None:
    told = await terminal.type(*words)
    assert told.code == code, told
    assert said in " ".join(told.wrong.replace("│", " ").split())
    assert "Traceback" not in told.wrong


async def test_machines_are_told_under_the_contracts_names(terminal: Terminal) -> None:
    listed = json.loads((await terminal.type("routers", "list", "-o", "json")).out)
    trial = next(one for one in listed if one["name"] == "routers/trial")
    assert trial["canary"]["canary_percentage"] == 20
    assert yaml.safe_load((await terminal.type("routers", "get", "trial", "-o", "yaml")).out) == trial
    told = await terminal.type("routers", "list")
    assert not {"\x1b"} & set(told.out)
    assert "canary cancer-stump at 20 %, running" in " ".join(told.out.split())


async def test_a_change_is_followed_as_it_is_made(running: Town, terminal: Terminal) -> None:
    watching = terminal.begin("routers", "watch", "cancer")
    await eventually(lambda: "running" in watching.out, within=30)
    request = rpc.UpdateRouterRequest(router={"name": "routers/cancer", "description": "watched"})
    await running.desk.call("RouterService/UpdateRouter", request)
    await eventually(lambda: len(watching.out.splitlines()) > 1, within=30)
    before = len(watching.out.splitlines())
    await running.stop("router")
    await eventually(lambda: "waiting for it to come back" in watching.wrong, within=30)
    await running.start("router")
    # It says how the router is by then, too.
    await eventually(lambda: len(watching.out.splitlines()) > before, within=60)
    watching.process.terminate()
    assert "1 of 1 replicas" in (await watching.end()).out


async def test_the_account_of_a_prediction_is_kept(running: Town, terminal: Terminal) -> None:
    answer = await running.desk.predict("jury")

    async def kept() -> bool:
        told = await terminal.type("routers", "manifest", answer.prediction_id)
        return told.code == 0 and "average: 2 answered, 2 were needed" in told.out

    await eventually(kept, within=30)


async def test_a_shell_is_told_the_names_of_what_there_is(terminal: Terminal) -> None:
    """In a process of its own, as a shell asks; on a busy machine it is told in time at some later key."""
    words = {"COMP_WORDS": "turnout routers get tri", "COMP_CWORD": "3"}
    asked = f"{sys.executable} -m services.cli"

    async def completed() -> bool:
        told = await terminal.shell(asked, **words, _TURNOUT_COMPLETE="complete_bash")
        return "trial" in told.out.split() and "cancer" not in told.out

    await eventually(completed, within=90)

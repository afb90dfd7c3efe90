"""The README's five minutes, as they stand, on a running suite."""

import asyncio
import json
import re
import shlex
import sys
from typing import Any

from tests.gateway.curl import curl
from tests.stories.suite import ROOT, Suite

README = ROOT / "README.md"
PORTS = {"50051": "router", "50052": "aggregator", "50053": "feedback", "50054": "drift"}


def tour() -> str:
    """The text of the five minutes."""
    return README.read_text().partition("## Five minutes")[2].partition("\n## ")[0]


def commands() -> list[str]:
    """Every command of the tour that calls a service, in order."""
    return [line for line in tour().splitlines() if line.startswith("call ")]


def snippet() -> str:
    """The tour's Python."""
    return tour().partition("```python\n")[2].partition("```")[0]


def there(suite: Suite, text: str) -> str:
    """The text with the suite's own addresses."""
    for port, service in PORTS.items():
        text = text.replace(f"127.0.0.1:{port}", suite.ready[service])
    return text


async def run(*command: str) -> str:
    """What the command prints; it must succeed."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, wrong = await process.communicate()
    assert process.returncode == 0, f"{command}\n{wrong.decode()}"
    return out.decode()


async def shell(suite: Suite, command: str, prediction: str) -> str:
    """A command of the tour as a shell runs it; a failure anywhere in a pipe is one."""
    alias = re.search(r"alias call='(.+)'", README.read_text())
    assert alias is not None
    full = there(suite, command).replace("call", alias[1], 1).replace("…", prediction)
    return await run("bash", "-o", "pipefail", "-c", full)


async def play(suite: Suite) -> dict[str, list[Any]]:
    """Every command in order, and the replies by the name of the RPC."""
    prediction, replies = "", dict[str, list[Any]]()
    for command in commands():
        out = await shell(suite, command, prediction)
        method = re.findall(r"/([A-Za-z]+)(?= \||$)|(--list-methods)", command)[0]
        # Only what is not cut by a pipe is a document.
        reply: Any = json.loads(out) if out.startswith("{") else out
        replies.setdefault("".join(method), []).append(reply)
        if command.endswith("/Predict"):
            prediction = reply["predictionId"]
    return replies


def typed() -> list[str]:
    """Every line of the tour that is typed to the command line."""
    return [line for line in tour().splitlines() if line.startswith("turnout ")]


async def at_the_terminal(suite: Suite, line: str) -> str:
    """What it says, of our suite instead of the one that a directory would find."""
    told = {f"TURNOUT_CLI_{name.upper()}": suite.ready[name] for name in PORTS.values()}
    words = " ".join(f"{name}={shlex.quote(value)}" for name, value in told.items())
    return await run(
        "bash", "-c", f"{words} {line.replace('turnout', f'{sys.executable} -m services.cli', 1)}"
    )


async def asked_by_rest(suite: Suite) -> Any:
    """What the tour's one line of curl answers, once the router is there."""
    (line,) = (line for line in tour().splitlines() if line.startswith("curl "))
    words = shlex.split(line.replace("http://127.0.0.1:8080", suite.ready["gateway"]))
    return (await curl(*words[1:])).json


async def test_every_command_of_the_tour_runs(suite: Suite) -> None:
    replies = await play(suite)
    assert (await asked_by_rest(suite))["manifest"]["router"] == "routers/cancer"
    assert "turnout.router.v1.InferenceService/Predict" in replies["--list-methods"][0]
    assert replies["ListModels"][0].count('"name": "models/cancer-') >= 4
    assert [reply["router"]["state"] for reply in replies["DeployRouter"]] == ["ROUTER_STATE_RUNNING"] * 3
    assert replies["RecordFeedback"][0]["status"].startswith("FEEDBACK_STATUS_ACCEPTED")
    assert replies["GetRewards"][0]["rewards"]
    manifests = [reply["manifest"] for reply in replies["Predict"]]
    assert [one["router"] for one in manifests] == ["routers/cancer", "routers/learner", "routers/jury"]
    assert not any(one.get("degraded") for one in manifests)
    jurors = manifests[2]["participants"]
    assert [one["outcome"] for one in jurors] == ["OUTCOME_CONTRIBUTED"] * 2
    shown = {line: await at_the_terminal(suite, line) for line in typed()}
    assert len(shown) >= 5
    assert all(shown.values())
    assert "cancer" in shown["turnout routers list"]
    # The routers of the tour are there now, and the tour's Python asks one of them.
    said = await run(sys.executable, "-c", there(suite, snippet()))
    assert re.fullmatch(r"(benign|malignant) by cancer-(bayes|stump)\n", said)


def test_the_commands_of_make_exist() -> None:
    named = set(re.findall(r"make ([a-z]+)", README.read_text()))
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert named <= targets | {"and"}

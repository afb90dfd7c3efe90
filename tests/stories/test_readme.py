"""The README's five minutes, as they stand, on a running suite."""

import asyncio
import json
import re
import shlex

from tests.stories.suite import ROOT, Suite

README = ROOT / "README.md"
PORTS = {"50051": "router", "50052": "aggregator", "50053": "feedback", "50054": "drift"}


def commands() -> list[str]:
    """Every command of the tour that calls a service, in order."""
    tour = README.read_text().partition("## Five minutes")[2].partition("\n## ")[0]
    return [line for line in tour.splitlines() if line.startswith("call ")]


def on(suite: Suite, command: str, prediction: str) -> list[str]:
    """The command with the suite's own addresses and the prediction's id."""
    alias = re.search(r"alias call='(.+)'", README.read_text())
    assert alias is not None
    for port, service in PORTS.items():
        command = command.replace(f"127.0.0.1:{port}", suite.ready[service])
    return shlex.split(command.replace("call", alias[1], 1).replace("…", prediction))


async def test_every_command_of_the_tour_runs(suite: Suite) -> None:
    prediction, replies = "", list[str]()
    for command in commands():
        process = await asyncio.create_subprocess_exec(
            *on(suite, command, prediction),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, wrong = await process.communicate()
        assert process.returncode == 0, f"{command}\n{wrong.decode()}"
        replies.append(out.decode())
        if command.endswith("/Predict"):
            prediction = json.loads(out)["predictionId"]
    assert len(replies) == 9
    assert '"ROUTER_STATE_RUNNING"' in replies[2]
    assert '"FEEDBACK_STATUS_ACCEPTED' in replies[5]
    assert '"rewards"' in replies[6]


def test_the_commands_of_make_exist() -> None:
    named = set(re.findall(r"make ([a-z]+)", README.read_text()))
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert named <= targets | {"and"}

"""Every command of docs/reference/cli.md's chapters on a running suite, as it stands."""

import json
import re
import shlex
from functools import partial

from turnout.aggregator.v1.aggregator_service_pb2 import GetDivergenceRequest
from turnout.feedback.v1.canary_pb2 import ListPromotionEventsRequest
from typer.main import get_command

from services.cli.rooms import ROOMS, application
from services.foundation.client import Client
from tests.cli.running.page import CHAPTERS, chapters, commands
from tests.cli.running.town import Town
from tests.cli.terminal import Terminal, Told
from tests.waiting import eventually

ROWS = "patient,mean radius,mean texture\np1,14.2,20.1\np2,10,18\n"
LABELS = "patient,diagnosis\np1,benign\np2,benign\n"
# What only a shell understands is given to one, with the command as it is installed.
SHELL = re.compile(r"[|&]|\$\(|--show-completion")


async def run(terminal: Terminal, line: str) -> Told:
    """A line of the page; that it ends well."""
    told = await (terminal.shell(line) if SHELL.search(line) else terminal.type(*shlex.split(line)[1:]))
    assert told.code == 0, f"{line}\n{told.out}\n{told.wrong}"
    assert "Traceback" not in told.wrong
    return told


async def test_asking_and_saying_what_came_of_it(running: Town, terminal: Terminal) -> None:
    (terminal.directory / "rows.csv").write_text(ROWS)
    (terminal.directory / "labels.csv").write_text(LABELS)
    said = {}
    for line in commands("Asking")[:-1]:
        said[line] = await run(terminal, line)
    first = next(iter(said.values())).out
    prediction = first.splitlines()[-1].split(",")[0]
    assert first.startswith("benign")
    assert "▸  cancer-stump" in said["turnout explain cancer --u 0.71"].out
    assert (terminal.directory / "answers.csv").read_text().count("benign") == 2

    await running.recorded(prediction)
    told = await run(terminal, f"turnout explain {prediction}")
    assert "it would be decided so again" in told.out
    assert commands("Asking")[-1] == "turnout explain $PREDICTION"
    for line in commands("Saying what came of it"):
        said[line] = await run(terminal, line.replace("$PREDICTION", prediction))
    outs = [said[line].out for line in commands("Saying what came of it")]
    assert outs[0].startswith("accepted: routers/cancer learns from it, for cancer-")
    assert outs[3].startswith("2 lines sent: 2 accepted")
    again = await run(terminal, commands("Saying what came of it")[3])
    assert "2 duplicate" in again.out


async def taken_down(running: Town) -> bool:
    """Whether the canary's list has its start, and the four moves of the page."""
    client = Client(f"127.0.0.1:{running.ports['feedback']}")
    listed = client.unary("turnout.feedback.v1.FeedbackService", "ListPromotionEvents")
    events = (await listed(ListPromotionEventsRequest(router="trial"), timeout=10)).events
    await client.close()
    return len(events) == 5


async def test_what_was_learnt(running: Town, terminal: Terminal) -> None:
    for name in ("learner", "jury"):
        await running.desk.predict(name)
    client = Client(f"127.0.0.1:{running.ports['aggregator']}")
    divergence = client.unary("turnout.aggregator.v1.AggregatorService", "GetDivergence")

    async def counted() -> bool:
        return bool((await divergence(GetDivergenceRequest(router="jury"), timeout=10)).panels)

    await eventually(counted, within=30)
    await client.close()
    said = {}
    for line in commands("What was learnt"):
        if line == "turnout canary events trial":
            # The controller takes down what somebody did by hand when it looks next.
            await eventually(partial(taken_down, running))
        said[line] = (await run(terminal, line)).out
    rewards = said["turnout rewards learner"]
    assert [line.split()[0] for line in rewards.splitlines()[1:3]] == ["cancer-bayes", "cancer-stump"]
    assert "epsilon greedy" in rewards
    assert "arms were drawn as logged" in said["turnout experiments cancer"]
    assert said["turnout canary get trial"].startswith("running  cancer-stump has 20 % of routers/trial")
    assert said['turnout canary pause trial --reason "until Monday"'].startswith("paused")
    assert said['turnout canary promote trial --reason "it has held for a week"'].startswith("promoted")
    assert said['turnout canary rollback trial --reason "complaints"'].startswith("rolled back")
    events = said["turnout canary events trial"]
    assert [line.split()[2] for line in events.splitlines()[1:]][-1] == "start"
    assert "until Monday" in events
    matrix = said["turnout divergence jury"].splitlines()
    assert [line.split()[0] for line in matrix[1:4]] == ["cancer-bayes", "cancer-bayes", "cancer-stump"]
    assert "0.00015 USD" in said["turnout efficiency jury"]


async def test_watching(running: Town, terminal: Terminal) -> None:
    lines = commands("Watching")
    begun = [terminal.begin(*shlex.split(line)[1:]) for line in lines]

    async def ask() -> bool:
        await running.desk.predict("cancer")
        return not any(one.process.is_alive() for one in begun)

    await eventually(ask, within=30)
    said = [await one.end() for one in begun]
    assert [one.code for one in said] == [0, 0, 0], said
    assert said[0].wrong.startswith("following cancer, jury, learner, trial; Ctrl-C ends it")
    assert [line.split()[1] for line in said[0].out.splitlines()] == ["cancer"] * 3
    manifest = json.loads(said[1].out)["manifest"]
    assert manifest["decision"]["variant"] in {"cancer-bayes", "cancer-stump"}
    assert "cancer-bayes" in said[2].out


async def test_the_doctor_finds_nothing_to_mend(terminal: Terminal) -> None:
    first, second = commands("What is wrong with my set-up")

    async def settled() -> Told:
        # Partitions take seconds to be taken up; how quick a crowded machine answers is not asked here.
        told = await terminal.type(*shlex.split(first)[1:])
        wrong = [line for line in told.out.splitlines() if line[:1] in ("✗", "!") and " ms to " not in line]
        assert not wrong, wrong
        return told

    told = await eventually(settled, within=60)
    assert told.code == 0 or " ms to " in told.out
    assert told.out.splitlines()[-1] == "fine: 16 checks, nothing to mend" or told.code == 1
    assert "no baseline: cancer-bayes, cancer-stump" in told.out
    found = json.loads((await terminal.type(*shlex.split(second)[1:])).out)
    assert not [one for one in found if one["severity"] == "note"]


async def test_who_asks(terminal: Terminal) -> None:
    said = []
    for line in commands("Who asks"):
        keys = await terminal.type("keys", "list", "-o", "json")
        known = json.loads(keys.out)
        said.append(await run(terminal, line.replace("$KEY_ID", known[0]["id"] if known else "")))
    assert said[0].out == "anybody, an administrator: access is open\n"
    listed = said[4].out.splitlines()
    assert sorted(line.split()[1] for line in listed[1:]) == ["ann", "bob"]
    assert (terminal.directory / "bob.key").stat().st_mode & 0o777 == 0o600


async def test_completion_is_a_script_that_a_shell_takes(terminal: Terminal) -> None:
    (line,) = commands("Completion")
    # Of one command alone bash makes room: the shell that asks would be whichever started us.
    told = await run(terminal, f"{line} && true")
    assert "_TURNOUT_COMPLETE" in told.out
    (terminal.directory / "completion").write_text(told.out)
    checked = await terminal.shell("bash -n completion")
    assert (checked.code, checked.wrong) == (0, "")


def options(text: str) -> set[str]:
    """The options that a text names."""
    return set(re.findall(r"(?<![\w-])(--[a-z][a-z-]*)(?![\w-])", text))


def test_every_option_of_the_page_is_one() -> None:
    known = {"--help", "--ready-file", "--model", "--install-completion", "--show-completion", "--exit-code"}
    for name in ROOMS:
        command = get_command(application(name))
        for one in (command, *getattr(command, "commands", {}).values()):
            known |= {option for param in one.params for option in (*param.opts, *param.secondary_opts)}
    told = "\n".join(chapters()[name] for name in CHAPTERS)
    assert options(told) - known == set()

"""docs/how-to/declare.md, and cli.md's chapters on models, routers and files: every line of them."""

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
import yaml

from tests.cli.running.page import commands
from tests.cli.running.town import Town
from tests.cli.terminal import ROOT, Terminal, Told
from tests.docs.guides import steps
from tests.stories.reference import alike

PAGE = ROOT / "docs/how-to/declare.md"
EXAMPLES = ROOT / "examples/declared"
ROW = ("--row", "mean radius=14.2", "--row", "mean texture=20.1")
STEERED = {"name": "steered", "variants": [{"model": "cancer-bayes"}, {"model": "cancer-stump"}]}
# What a reader is told to edit before a step, by the words of what the step shows.
EDITS = {
    "10.0 → 20.0": ("percentage: 10,", "percentage: 20,"),
    "'20%'": ("percentage: 20,", "percentage: 20%,"),
    "created   models/tumour-watched": ("percentage: 20%,", "percentage: 10,"),
}


@pytest.fixture
def examples(running: Town, terminal: Terminal) -> Path:
    """The examples where a reader has them; their model answers where the town has one."""
    folder = terminal.directory / "examples/declared"
    shutil.copytree(EXAMPLES, folder)
    (terminal.directory / "declared").symlink_to(folder)
    watched = folder / "watched.yaml"
    bayes = running.desk.servers["cancer-bayes"].address
    watched.write_text(watched.read_text().replace("127.0.0.1:50063", bayes))
    return folder


async def run(terminal: Terminal, line: str) -> str:
    """What a line of a page says; as a shell would, without the two seconds that each new process takes.
    Knows `>`, `&&`, and `||` for what ends with another code than 0."""
    todo, _, otherwise = line.partition(" || ")
    said = ""
    for command in todo.split(" && "):
        words, _, file = command.partition(" > ")
        told: Told = await terminal.type(*shlex.split(words)[1:])
        assert "Traceback" not in told.wrong, told
        assert (told.code == 0) != (bool(otherwise) and told.code != 0), (line, told)
        if file:
            (terminal.directory / file).write_text(told.out)
        said += told.wrong + ("" if file else told.out)
        if told.code and otherwise.startswith("echo"):
            said += shlex.split(otherwise)[1].replace("$?", str(told.code))
        elif told.code and otherwise:
            assert otherwise == f"test $? = {told.code}"
    return said


async def test_every_step_of_the_how_to_does_what_it_shows(terminal: Terminal, examples: Path) -> None:
    canary = examples / "canary.yaml"
    (shown,) = [
        block for block in re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.S) if "routers:" in block
    ]
    assert shown == canary.read_text()
    for step in steps(PAGE):
        for words, (old, new) in EDITS.items():
            if words in step.shown:
                canary.write_text(canary.read_text().replace(old, new))
        rest = said = await run(terminal, step.text)
        for line in map(str.strip, step.shown.splitlines()):
            found = next((one for one in rest.splitlines() if alike(line, one.strip())), None)
            assert found is not None, f"{PAGE.name}:{step.line}: {line}\nis not in\n{said}"
            rest = rest.partition(found)[2]
    for router in ("tumour-bandit", "tumour-jury", "tumour-split"):
        asked = await terminal.type("predict", router, *ROW)
        assert asked.out.startswith("benign"), asked
    # Another file is another baseline.
    with (examples / "tumours.csv").open("a") as file:
        file.write("13.0,21.0,benign\n")
    told = await terminal.type("diff", "-f", "declared", "-o", "json")
    changed = [one for one in json.loads(told.out) if one["action"] != "unchanged"]
    assert [(one["action"], one["notes"]) for one in changed] == [
        ("create", ["301 rows of tumours.csv, 0 left out"])
    ]


async def test_the_chapter_on_files(terminal: Terminal, examples: Path) -> None:
    said = [await run(terminal, line) for line in commands("Files")]
    assert said[2].endswith("7 unchanged\n")
    assert re.fullmatch(r"\d+ unchanged\n", said[4].splitlines(keepends=True)[-1])
    assert json.loads(said[5])["routers"][0]["name"] == "routers/tumour"


async def test_the_chapters_on_models_and_routers(terminal: Terminal) -> None:
    (terminal.directory / "steered.yaml").write_text(yaml.safe_dump(STEERED))
    said = {line: await run(terminal, line) for name in ("Models", "Routers") for line in commands(name)}
    assert "cancer-bayes is ready; it took" in said[commands("Models")[2]]
    assert (
        "models/by-hand is hand@champion; no router uses it"
        in said["turnout models alias by-hand hand@champion"]
    )
    weights = said["turnout routers weights steered cancer-bayes=70 cancer-stump=30"]
    assert re.search(r"cancer-stump +models/cancer-stump +30 +30 %", weights)
    history = said["turnout routers history steered"].splitlines()[1:]
    assert [line.split()[0] for line in history] == ["2", "1"]
    assert said["turnout routers stop steered --yes"].startswith("routers/steered  stopped")
    assert said["turnout routers delete steered --yes"].startswith("routers/steered  deleted")
    assert said["turnout routers deploy steered --wait 20s"].startswith("routers/steered  ")

"""`turnout drift` as people type it, against a running service."""

import json

import pytest
import yaml
from turnout.router.v1.model_pb2 import Model

from services.foundation.client import Client
from services.foundation.server import Server
from services.state.connection import Connections
from tests.cli.drift.conftest import Kept, Terminal
from tests.cli.drift.reading import Page
from tests.drift.conftest import creation


async def test_analyze_shows_the_verdict_and_both_shapes_of_each_feature(
    terminal: Terminal, observed: Model
) -> None:
    told = await terminal.drift("analyze", "churn", "--last", "2h", "--exit-code")
    assert told.code == 3, told
    assert "1 of 3 features drift: age" in told.out
    assert "400 rows" in told.out
    assert "models/churn/baselines/spring (1,000 rows)" in told.out
    age = next(line for line in told.out.splitlines() if line.lstrip().startswith("age"))
    assert "alert" in age
    # The baseline is flat by construction, and twenty years later most are in its last bin.
    assert age.rstrip().endswith("█")
    assert len(set(age.split()[-1])) > 1
    assert "Traceback" not in told.wrong


async def test_json_and_yaml_say_the_same_under_the_contracts_names(
    terminal: Terminal, observed: Model
) -> None:
    made = json.loads((await terminal.drift("analyze", "churn", "-o", "json")).out)
    assert made["features"][0]["psi_level"] == "DRIFT_STATUS_ALERT"
    read = await terminal.drift("result", made["name"], "-o", "yaml")
    assert yaml.safe_load(read.out) == made
    assert json.loads((await terminal.drift("result", "churn", "-o", "json")).out) == made
    listed = json.loads((await terminal.drift("results", "churn", "-o", "json")).out)
    assert listed == [made]


async def test_only_the_features_and_the_window_that_are_asked_for(
    terminal: Terminal, observed: Model
) -> None:
    told = await terminal.drift(
        "analyze", "churn", "-f", "plan", "-f", "amount", "--bonferroni", "-o", "json"
    )
    made = json.loads(told.out)
    assert sorted(one["feature"] for one in made["features"]) == ["amount", "plan"]
    assert made["settings"]["correction"] == "CORRECTION_BONFERRONI"
    empty = await terminal.drift(
        "analyze", "churn", "--from", "2026-01-01T00:00", "--to", "2026-01-01T01:00", "--exit-code"
    )
    # A window of long ago has no rows, or is refused: never ok.
    assert empty.code in (1, 4), empty


async def test_results_are_listed_newest_first_with_how_the_score_went(
    terminal: Terminal, kept: Kept
) -> None:
    told = await terminal.drift("results", "churn", "-n", "10")
    lines = told.out.splitlines()
    assert "alert" in lines[1]
    assert lines[1].split()[-1] == kept.latest.rpartition("/")[2]
    assert len(lines) == 12
    assert lines[-1].rstrip().endswith("█")
    quiet = await terminal.drift("results", "churn", "--status", "ok", "-o", "json")
    assert {one["status"] for one in json.loads(quiet.out)} == {"DRIFT_STATUS_OK"}


async def test_a_report_is_written_whole_and_says_where(terminal: Terminal, kept: Kept) -> None:
    told = await terminal.drift("report", kept.latest, "--out", "report.html")
    assert told.code == 0, told
    assert "wrote report.html" in told.wrong
    page = Page((terminal.directory / "report.html").read_text())
    assert "5 of 19 features drift" in page.text
    assert "of 25 analyses" in page.text
    same = await terminal.drift("report", "--latest", "churn", "--out", "-", "--history", "3")
    assert "of 4 analyses" in Page(same.out).text or "of 3 analyses" in Page(same.out).text
    assert [path.name for path in terminal.directory.iterdir()] == ["report.html"]


async def test_baselines_are_listed(terminal: Terminal, observed: Model) -> None:
    told = await terminal.drift("baselines", "churn")
    assert "spring" in told.out
    assert "yes" in told.out
    assert "customers of March to May" in told.out


async def test_one_that_is_counted_beside_the_active_one_is_shown_and_analysed(
    terminal: Terminal, observed: Model, server: Server
) -> None:
    client = Client(server.address)
    create = client.unary("turnout.drift.v1.DriftService", "CreateBaseline")
    await create(creation(baseline_id="summer", activate=False, counted=True), timeout=20)
    await client.close()
    told = await terminal.drift("baselines", "churn")
    shown = {words[0]: words.count("yes") for line in told.out.splitlines() if (words := line.split())}
    assert (shown["summer"], shown["spring"]) == (1, 2)
    assert told.out.splitlines()[0].split()[:3] == ["baseline", "active", "counted"]
    asked = await terminal.drift("analyze", "churn", "--baseline", "summer")
    assert "models/churn/baselines/summer (1,000 rows)" in asked.out, asked


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("analyze", "nobody"), 1, ("MODEL_NOT_FOUND", "models that there are")),
        (("analyze", "churn"), 1, ("BASELINE_NOT_FOUND", "turnout drift baseline")),
        (("analyze", "churn", "--last", "soon"), 2, ("90m, 24h or 7d",)),
        (("analyze", "churn", "--last", "1h", "--from", "2026-01-01"), 2, ("--last and --from",)),
        (("analyze", "churn", "--from", "yesterday"), 2, ("is no moment",)),
        (("analyze", "churn", "--segment", "north"), 2, ("NAME=VALUE",)),
        (("analyze",), 2, ("Missing argument",)),
        (("result", "churn"), 1, ("RESULT_NOT_FOUND", "turnout drift analyze MODEL")),
        (("result", "models/churn/results/none"), 1, ("RESULT_NOT_FOUND",)),
        (("results", "churn", "--status", "bad"), 2, ("ok, warning, alert",)),
        (("report",), 2, ("--latest",)),
        (("report", "--latest", "churn", "--out", "/nowhere/x.html"), 1, ("RESULT_NOT_FOUND",)),
        (("results", "churn", "--server", "127.0.0.1:1"), 1, ("SERVICE_UNAVAILABLE", "--server HOST:PORT")),
    ],
)
async def test_what_is_wrong_is_told_with_what_to_do(
    terminal: Terminal, model: Model, words: tuple[str, ...], code: int, said: tuple[str, ...]
) -> None:
    told = await terminal.drift(*words)
    assert told.code == code, told
    for one in said:
        assert one in told.wrong
    assert "Traceback" not in told.wrong


async def test_a_file_that_cannot_be_written_is_told(terminal: Terminal, kept: Kept) -> None:
    told = await terminal.drift("report", "--latest", "churn", "--out", "nowhere/x.html")
    assert (told.code, told.wrong) == (
        1,
        "turnout: nowhere/x.html cannot be written: No such file or directory\n",
    )


async def test_the_ready_file_says_where_the_service_is(
    terminal: Terminal, server: Server, kept: Kept
) -> None:
    ready = terminal.directory / "ready.json"
    ready.write_text(json.dumps({"drift": server.address}))
    known = {"TURNOUT_CLI_DRIFT": "", "TURNOUT_CLI_READY_FILE": str(ready)}
    assert (await terminal.drift("results", "churn", **known)).code == 0
    ready.write_text("{}")
    told = await terminal.drift("results", "churn", **known)
    assert told.code == 2
    assert "no ready file with the address of drift" in told.wrong


async def test_names_with_escape_codes_reach_no_terminal(
    terminal: Terminal, connections: Connections, kept: Kept
) -> None:
    told = await terminal.drift("results", "churn\x1b[2J")
    assert told.code == 1
    assert "\x1b" not in told.wrong

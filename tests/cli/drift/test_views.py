"""What tables say of performance and alerts."""

import io
from datetime import timedelta

import pytest
import typer
from rich.console import Console, RenderableType
from turnout.drift.v1 import alert_config_pb2 as config
from turnout.drift.v1 import alert_pb2 as raised
from turnout.drift.v1.alert_pb2 import Alert
from turnout.drift.v1.performance_pb2 import GetPerformanceHistoryResponse

from services.cli import durations
from services.cli.drift import alerts, performance, tables
from tests.cli.drift import samples


def printed(what: RenderableType, width: int = 160) -> list[str]:
    """The lines that a terminal shows."""
    console = Console(file=io.StringIO(), width=width, highlight=False)
    console.print(what)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_performance_shows_only_figures_that_there_are_with_their_intervals() -> None:
    lines = printed(performance.view(samples.history(5)))
    assert lines[0].split()[:5] == ["from", "(UTC)", "predictions", "labelled", "accuracy"]
    assert "RMSE" not in lines[0]
    assert "0.92 (0.9 to 0.94)" in lines[1]
    assert "75 %" in lines[1]
    # The last day is not over.
    assert "…" in lines[5]
    assert (
        lines[6].endswith("█████") or lines[6].endswith("█▇▇▇▇") or "accuracy, oldest to newest" in lines[6]
    )


def test_a_detector_that_alarmed_is_told() -> None:
    found = samples.history(3)
    signal = found.concept.signals.add(detector="adwin", metric="error", rows=100, alarms=2)
    signal.alarm_time.FromDatetime(samples.END)
    assert "! adwin: error has changed; 2 alarms, the last at 2026-11-22 09:00 UTC" in printed(
        performance.view(found)
    )
    signal.metric, signal.router = "reward", "routers/till"
    assert any("! adwin: reward in routers/till has" in line for line in printed(performance.view(found)))


def test_a_model_without_predictions_says_so() -> None:
    found = GetPerformanceHistoryResponse(model="models/m", warnings=["why"])
    assert printed(performance.view(found)) == ["models/m: no predictions in this time", "! why"]


def alert(state: "raised.AlertState", **changes: str) -> Alert:
    made = Alert(
        model="models/m",
        kind=raised.ALERT_KIND_DRIFT,
        state=state,
        severity=config.ALERT_SEVERITY_WARNING,
        peak_severity=config.ALERT_SEVERITY_ALERT,
        summary=changes.get("summary", "2 features drift"),
    )
    made.fire_time.FromDatetime(samples.END)
    made.change_time.FromDatetime(samples.END + timedelta(hours=2))
    if state == raised.ALERT_STATE_RESOLVED:
        made.resolve_time.FromDatetime(samples.END + timedelta(hours=2))
    return made


def test_alerts_are_listed_with_how_grave_they_were_and_when_they_ended() -> None:
    both = [alert(raised.ALERT_STATE_FIRING), alert(raised.ALERT_STATE_RESOLVED)]
    lines = printed(alerts.view("m", both))
    assert lines[1].split() == ["2026-11-22", "09:00", "firing", "alert", "drift", "2", "features", "drift"]
    assert lines[2].split()[:7] == [
        "2026-11-22",
        "09:00",
        "resolved",
        "alert",
        "drift",
        "2026-11-22",
        "11:00",
    ]
    assert printed(alerts.view("m", [])) == ["m: no alerts"]


def test_a_change_of_an_alert_is_a_line() -> None:
    told = printed(alerts.line(alert(raised.ALERT_STATE_RESOLVED, summary="well\x1b[2J again")))
    assert told == ["2026-11-22 11:00  resolved warning models/m: well·[2J again"]


def test_long_results_are_cut_on_a_terminal_and_say_so() -> None:
    many = samples.result([samples.number(f"f{place}" * 30, 0.0) for place in range(60)])
    lines = printed(tables.result_view(many))
    assert "and 10 features more: -o json, or turnout drift report" in lines
    assert max(map(len, lines)) <= 160


@pytest.mark.parametrize("text", ["", "h", "0h", "-1h", "1y", "1 h", "1e9d", "99999999999h"])
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="90m, 24h or 7d"):
        durations.duration(text)


def test_lengths_and_moments() -> None:
    assert durations.duration("1.5h") == timedelta(minutes=90)
    assert durations.moment("2026-11-22T10:00+01:00") == samples.END
    assert durations.moment("2026-11-22T09:00") == samples.END

"""What people see of a start that takes its time."""

import io

from rich.console import Console

from services.cli.waiting import LINE_EVERY_SECONDS, listed, shown

MODELS = ["models/a", "models/b", "models/c"]


def test_a_log_says_what_is_newly_awaited_and_otherwise_only_now_and_then() -> None:
    log, clock = io.StringIO(), [0.0]
    with shown(Console(file=log), lambda: clock[0]) as tell:
        tell(["redis"])
        tell(["router", *MODELS])
        tell(["router"])
        clock[0] = LINE_EVERY_SECONDS
        tell(["router"])
    assert log.getvalue().splitlines() == [
        "waiting for redis …",
        "waiting for router, 3 models …",
        "waiting for router …",
    ]


def test_a_terminal_shows_it_in_place_and_takes_it_away() -> None:
    screen = io.StringIO()
    with shown(Console(file=screen, force_terminal=True, width=80), lambda: 0.0) as tell:
        tell(["drift"])
    assert "Waiting for drift" in screen.getvalue()
    assert screen.getvalue().endswith("\x1b[2K")


def test_a_few_models_are_named() -> None:
    assert listed(["drift", *MODELS[:2]]) == "drift, models/a, models/b"

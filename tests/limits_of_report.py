"""Limits of drift on a terminal and of its report, as docs/limits.md tells them."""

from tests.limits_words import Told

CLI = "cli.drift"

REPORTS: list[Told] = [
    ("columns that a report shows in full", f"{CLI}.report:MOST_PICTURES", "", "More open in no browser."),
    ("columns in a report's table", f"{CLI}.report:MOST_ROWS", "", "The page says what it leaves out."),
    (
        "analyses of before that a report draws trends from, unless told otherwise (1,000 at most)",
        f"{CLI}.reporting:HISTORY",
        "",
        "",
    ),
    ("columns of a result on a terminal", f"{CLI}.tables:MOST_FEATURES", "", "The other shapes have all."),
]

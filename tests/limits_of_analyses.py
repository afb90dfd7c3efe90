"""Limits of analyses, as docs/limits.md tells them."""

from tests.limits_words import READABLE, Told

ASKED = "drift.asked"

ANALYSES: list[Told] = [
    ("`significance` of an analysis, at most (0.05 by default)", f"{ASKED}:GREATEST_LEVEL", "", ""),
    ("`epsilon` of an analysis, at most (0.0001 by default)", f"{ASKED}:GREATEST_EPSILON", "", ""),
    ("rows below which a column is INSUFFICIENT_DATA", "drift.verdict:LEAST_ROWS", "", ""),
    ("categories drawn of a column; the rest are OTHER", "drift.drawing:MOST_NAMES", "", ""),
    ("unseen categories named of a column", "drift.wire_result:MAX_UNSEEN_NAMES", "", READABLE),
    ("baselines that a process holds in memory", "drift.baseline_cache:KEPT_BASELINES", "", ""),
    ("windows of a baseline whose sums it holds, for what is asked next", "drift.sums:MOST_WINDOWS", "", ""),
    ("their size together; schedules have as much again", "drift.sums:MOST_BYTES", "B", ""),
]  # fmt: skip

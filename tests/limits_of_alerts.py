"""Limits of schedules and alerts, as docs/limits.md tells them."""

from tests.limits_words import READABLE, Told

CHECKS, HOOKS, STORE = "drift.alerts.checks", "drift.alerts.webhook_checks", "drift.alerts.alert_store"
COURIER, SENDER = "drift.alerts.courier", "drift.alerts.sender"

ALERTS: list[Told] = [
    (
        "`schedule.interval`, in whole minutes",
        f"{CHECKS}:SHORTEST_INTERVAL {CHECKS}:LONGEST_INTERVAL",
        "s",
        "More often is a breaker's business; more rarely nobody waits for.",
    ),
    ("`schedule.window`, at most", f"{CHECKS}:LONGEST_WINDOW", "s", "A third of what profiles are kept for."),
    ("`schedule.epoch_looks`, at most", f"{CHECKS}:MOST_EPOCH_LOOKS", "", "A look a minute for two months."),
    ("segments that a schedule looks at", f"{CHECKS}:MOST_SEGMENTS", "", ""),
    ("how long a look waits for what is on its way", "drift.schedule.timetable:SETTLE_SECONDS", "s", ""),
    ("looks that are made late, of a model", "drift.schedule.timetable:MOST_LATE", "", ""),
    ("looks of `hysteresis`, at most", f"{CHECKS}:MOST_LOOKS", "", "Each is remembered."),
    ("`cooldown`, at most", f"{CHECKS}:LONGEST_COOLDOWN", "s", "Longer is not to be told at all."),
    (
        "`least_rows`",
        f"drift.verdict:LEAST_ROWS {CHECKS}:MOST_ROWS",
        "",
        "With fewer there is no verdict; beyond, there is never one.",
    ),
    ("`no_data.after`, at most", f"{CHECKS}:LONGEST_SILENCE", "s", ""),
    ("features with thresholds of their own", f"{CHECKS}:MOST_SPECIAL", "", "More than a baseline has."),
    ("webhooks of a model", f"{HOOKS}:MOST_WEBHOOKS", "", "Each is told of everything."),
    ("a webhook's URL", "drift.alerts.addresses:LONGEST_URL", "characters", READABLE),
    ("its secret", f"{HOOKS}:SHORTEST_SECRET {HOOKS}:LONGEST_SECRET", "characters", ""),
    ("its headers", f"{HOOKS}:MOST_HEADERS", "", "They go out with every delivery."),
    ("the value of such a header", f"{HOOKS}:LONGEST_HEADER", "characters", "As long as a token."),
    ("how long a webhook may take", f"{SENDER}:SECONDS", "s", ""),
    ("what is read of its answer", f"{SENDER}:MOST_READ", "bytes", ""),
    ("attempts at a delivery", f"{COURIER}:MOST_ATTEMPTS", "", "About an hour in all."),
    ("the longest pause between them", f"{COURIER}:LONGEST_SECONDS", "s", "Doubled each time."),
    ("deliveries that wait, of a partition", f"{STORE}:MOST_WAITING", "", ""),
    ("deliveries that were given up, kept of a partition", f"{STORE}:MOST_DEAD", "", "People read them."),
    ("alerts kept of a model", f"{STORE}:MOST_ALERTS", "", "A season of many."),
    ("how long they are kept", f"{STORE}:RETENTION_SECONDS", "s", "As long as results are."),
    ("changes that a watch can go on from", f"{STORE}:MOST_CHANGES", "", ""),
]

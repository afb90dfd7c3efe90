"""Limits of predictions that are logged, lists of them, and ground truth, as docs/limits.md tells them."""

from tests.limits_words import AHEAD, STATE, Told

LOGGING, UPLOADS = "drift.logging", "drift.uploads"

INTAKE: list[Told] = [
    ("features of a logged prediction", "drift.baselines:MAX_FEATURES", "", "As of a baseline."),
    ("attributes of it", f"{LOGGING}.checks:MOST_ATTRIBUTES", "", ""),
    ("segments of it", f"{LOGGING}.checks:MOST_SEGMENTS", "", "As many as a router has."),
    ("its keys, and names and values of both", f"{LOGGING}.checks:LONGEST_KEY", "characters", ""),
    ("the prediction", f"{LOGGING}.events:MOST_BYTES", "bytes", ""),
    ("how long ago it was made, at most", f"{STATE}.records:RETENTION_SECONDS", "s", "As records are kept."),
    ("how far ahead it is made, at most", f"{STATE}.reports:MADE_AHEAD_SECONDS", "s", ""),
    ("its latency, at most", f"{LOGGING}.checks:LONGEST_LATENCY_SECONDS", "s", "No model takes longer."),
    ("predictions of a message of LogPredictions", f"{LOGGING}.streams:MOST_ITEMS", "", AHEAD),
    ("groups of them that a process logs at a time; others wait", f"{LOGGING}.streams:AT_ONCE", "", ""),
    ("how long external_id and request_id are known", f"{STATE}.outside:KNOWN_SECONDS", "s", ""),
    ("refused items that are told of one call", "drift.refusals:MOST_ERRORS", "", ""),
    ("routers that a list of a model's predictions looks through, of a partition; the others' are not shown",
     "drift.listing.users:MOST_ROUTERS", "", "Those that asked it last."),
    ("predictions that one call of a list examines", f"{STATE}.records:MOST_EXAMINED", "", ""),
    ("truths of a batch", "drift.servicers.truths:MOST_TRUTHS", "", AHEAD),
    ("a row of an uploaded file", "drift.tables.rows:LONGEST_ROW", "characters", ""),
    ("uploads that a process reads at a time; others wait", f"{UPLOADS}.door:AT_ONCE", "", ""),
    ("how long an upload may be gone on with", f"{STATE}.uploads:KEPT_SECONDS", "s", ""),
]  # fmt: skip

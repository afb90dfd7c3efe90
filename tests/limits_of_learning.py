"""Limits of feedback, and of what is kept, as docs/limits.md tells them."""

from tests.limits_words import CONFIG, MEMORY, STATE, Told

FEEDBACK: list[Told] = [
    ("a feedback's id", f"{STATE}.reports:LONGEST_ID", "characters", "It is a key, not contents."),
    ("a label", f"{STATE}.reports:LONGEST_LABEL", "characters", "It is a class or a short answer."),
    ("an observation from the future, at most", f"{STATE}.reports:OBSERVED_AHEAD_SECONDS", "s", ""),
    ("feedback waiting for its prediction, of a partition", f"{STATE}.parked:MOST_ITEMS", "", ""),
    ("how long it waits", f"{STATE}.parked:LIFETIME_SECONDS", "s", ""),
    ("truths not read yet, of a partition", f"{STATE}.truth:MOST_ENTRIES", "", ""),
    ("labels counted apart, of a router; the rest are OTHER", f"{STATE}.labels:MOST_LABELS", "", MEMORY),
    (
        "truths that a model's quality rests on, the newest; of each partition as many are kept",
        "feedback.crediting:MODEL_WINDOW",
        "",
        "",
    ),
    (
        "counts of quality of a router in a minute or hour, half of them by label",
        f"{STATE}.qualities:MOST_FIELDS",
        "",
        "",
    ),
    ("predictions scored by one ScoreProposal", "router.servicers.proposals:MOST_SCORED", "", ""),
    (
        "predictions read by one evaluation or fit (`max_predictions`)",
        "feedback.wire.evaluations:MOST_PREDICTIONS",
        "",
        "Their features and answers are held in memory meanwhile.",
    ),
    (
        "effective sample size of an evaluation, at least",
        "feedback.offpolicy.support:LEAST_ESS",
        "",
        "",
    ),
    ("columns of features of an evaluation", "feedback.offpolicy.columns:MOST_COLUMNS", "", ""),
    ("units of a meta-model, at least", "feedback.stackers.fitting:LEAST_UNITS", "", ""),
    (
        "folds of a meta-model",
        "feedback.wire.stackers:LEAST_FOLDS feedback.wire.stackers:MOST_FOLDS",
        "",
        "More make the rest of a fold no larger, and each costs a fit.",
    ),
    ("treatments of an experiment, beside its baseline", f"{CONFIG}.experiments:MOST_TREATMENTS", "", ""),
    (
        "`experiment.alpha`",
        f"{CONFIG}.experiments:LEAST_ALPHA {CONFIG}.experiments:MOST_ALPHA",
        "",
        "Below, nothing is ever found; above, a coin is as good.",
    ),
    (
        "`experiment.label_horizon`, and no longer than feedback counts",
        f"{CONFIG}.experiments:SHORTEST_HORIZON {CONFIG}.experiments:LONGEST_HORIZON",
        "s",
        "Shorter leaves no time for labels; longer than records are kept there are none.",
    ),
    (
        "`experiment.min_samples` and `max_samples`, at most",
        f"{CONFIG}.experiments:MOST_SAMPLES",
        "",
        "No trial has more.",
    ),
    ("entities that an experiment remembers; then it holds", "feedback.evidence.desk:MOST_UNITS", "", ""),
    (
        "decisions of a router that wait for their labels",
        "feedback.evidence.observations:MOST_WAITING",
        "",
        "36 bytes each; beyond, half of the units are left out, and half again.",
    ),
    (
        "decisions of one minute of it, by how long labels are waited for",
        "feedback.evidence.observations:LEAST_A_MINUTE feedback.evidence.observations:MOST_A_MINUTE",
        "",
        "Each minute has its part of what may wait.",
    ),
    ("values of segments that an experiment tells apart", "feedback.evidence.folding:MOST_SEGMENTS", "", ""),
    ("rows of a prediction whose mean is its observation", "feedback.evidence.labels:MOST_ROWS", "", ""),
    ("features of a baseline", "drift.baselines:MAX_FEATURES", "", ""),
    ("baselines of a model", "drift.baseline_store:MAX_BASELINES", "", ""),
    ("analyses kept of a model", "drift.result_store:MOST_RESULTS", "", ""),
    (
        "their size together",
        "drift.result_store:MOST_BYTES",
        "B",
        "Of a model of 400 features it is what counts.",
    ),
    ("how long they are kept", "drift.result_store:RETENTION_SECONDS", "s", "As long as profiles are."),
    ("how far an event may be ahead of the clock", "drift.buckets:MAX_AHEAD", "s", ""),
]

KEPT: list[Told] = [
    (
        "records of predictions, by default",
        f"{STATE}.records:RETENTION_SECONDS",
        "s",
        "It is the horizon of feedback too.",
    ),
    ("results of drift", "drift.result_store:RETENTION_SECONDS", "s", "A season, to compare with."),
    (
        "rewards and windows without traffic",
        f"{STATE}.rewards:LIFETIME_SECONDS",
        "s",
        "A season, to come back to.",
    ),
    ("audit events, of each partition and of the catalog", f"{STATE}.audit:KEPT_EVENTS", "", MEMORY),
    ("events in Redis, of a partition", f"{STATE}.events:STREAM_BYTES", "bytes", ""),
    (
        "events in a router's memory while Redis is away",
        f"{STATE}.batcher:MEMORY_BYTES",
        "bytes",
        "The disk takes the rest.",
    ),
    ("live replicas", f"{STATE}.heartbeats:MOST_REPLICAS", "", "Each is read at every rollout."),
    ("a replica is dead after", f"{STATE}.heartbeats:DEAD_SECONDS", "s", ""),
]

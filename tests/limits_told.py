"""What docs/limits.md tells, in its order: what is bounded, the constants, their unit ("" for a number, "s",
"ms", "bytes", "characters"), and the reason where no comment beside the constant gives it."""

Told = tuple[str, str, str, str]
CONFIG, STATE = "router.config", "state"
LEAST_FOR_CHOICE = "With fewer there is nothing to choose, or to compare."
MEMORY = "It bounds what one resource can take of memory, on every replica."
READABLE = "What is written for people is read by people."
AHEAD = "It keeps one who asks for much from holding up the others."

ROUTERS: list[Told] = [
    (
        "variants of a router",
        f"{CONFIG}.checks:LEAST_ENABLED {CONFIG}.checks:MOST_VARIANTS",
        "",
        LEAST_FOR_CHOICE,
    ),
    ("variants that stay enabled, at least", f"{CONFIG}.checks:LEAST_ENABLED", "", LEAST_FOR_CHOICE),
    ("members of an ensemble", "aggregator.plan:MOST_MEMBERS", "", ""),
    ("tags of a router, of up to 64 characters", f"{CONFIG}.checks:MOST_TAGS", "", READABLE),
    ("a description", f"{CONFIG}.checks:LONGEST_TEXT", "characters", READABLE),
    ("`default_deadline`, at least (an hour at most)", f"{CONFIG}.checks:SHORTEST_DEADLINE", "s", ""),
    (
        "retention of records, which is the horizon of feedback (30 days by default)",
        f"{CONFIG}.checks:SHORTEST_RETENTION {CONFIG}.checks:LONGEST_RETENTION",
        "s",
        "Shorter leaves no time for feedback to come; longer is an archive's business.",
    ),
    (
        "redacted names",
        f"{CONFIG}.redaction:MOST_RULES",
        "",
        "They are looked up for each field of each record.",
    ),
    (
        "such a name",
        f"{CONFIG}.redaction:LONGEST_NAME",
        "characters",
        "As long as a feature's or attribute's.",
    ),
    ("metrics of a router", f"{CONFIG}.measures:MOST_METRICS", "", MEMORY),
    ("name of a metric", f"{CONFIG}.measures:LONGEST_METRIC", "characters", READABLE),
    ("labels of a task", f"{CONFIG}.measures:MOST_LABELS", "", MEMORY),
    ("segments of a router", f"{CONFIG}.segments:MOST_SEGMENTS", "", ""),
    ("values told apart of a segment; the rest are OTHER", f"{CONFIG}.segments:MOST_VALUES", "", MEMORY),
    ("users of each list of permissions", f"{CONFIG}.sharing:MOST_USERS", "", "More is a group, and public."),
    (
        "problems told of one configuration",
        f"{CONFIG}.problems:MOST_REPORTED",
        "",
        "The status must fit a trailer.",
    ),
    ("former configurations kept of a router", f"{STATE}.shelf:KEPT_GENERATIONS", "", MEMORY),
    ("time to undelete", f"{STATE}.shelf:PURGE_MS", "ms", "As long as records are kept by default."),
]

STRATEGIES: list[Told] = [
    ("`bandit.reward_window`, at most", f"{CONFIG}.bandits:LONGEST_WINDOW", "", MEMORY),
    (
        "`latency_based.half_life`",
        f"{CONFIG}.choosers:SHORTEST_HALF_LIFE {CONFIG}.choosers:LONGEST_HALF_LIFE",
        "s",
        "Below, one answer decides; above, nothing is forgotten.",
    ),
    ("`min_samples`, at most", f"{CONFIG}.choosers:MOST_SAMPLES", "", "No window holds more."),
    (
        "`best_metric.thresholds`",
        f"{CONFIG}.choosers:MOST_THRESHOLDS",
        "",
        "Each is looked at in every decision.",
    ),
    (
        "`complexity.specialists`",
        f"{CONFIG}.choosers:MOST_SPECIALISTS",
        "",
        "Each is looked at in every decision.",
    ),
    ("words of a specialist", f"{CONFIG}.choosers:MOST_WORDS", "", MEMORY),
    ("length of such a word", f"{CONFIG}.choosers:LONGEST_WORD", "characters", "Longer is no word."),
    ("`member_timeout`", f"{CONFIG}.ensembles:SHORTEST_TIMEOUT {CONFIG}.ensembles:LONGEST_TIMEOUT", "s", ""),
    ("members x rows x labels of an ensemble's answers", "aggregator.combiners.panel:MOST_CELLS", "", ""),
    (
        "panels: how long their statistics are kept",
        "state.panels:KEPT_SECONDS",
        "s",
        "A quarter shows what changed with the season.",
    ),
    (
        "hours of routers whose panels a process holds until they are written",
        "aggregator.divergence.collector:MOST_HELD",
        "",
        "",
    ),
    ("processes times hours that count panels of one router in a day", "state.panels:MOST_FIELDS", "", ""),
    (
        "counts kept of who was right in a router's panels of one hour; rows beyond are not counted",
        "state.panel_truths:MOST_FIELDS",
        "",
        "Six for each member, whatever the traffic: variants that come and go find room.",
    ),
    ("levels of a structure in an ensemble", "aggregator.canonical:DEEPEST", "", ""),
    ("fields voted on by `json_majority.by_field`", "aggregator.combiners.fields:MOST_FIELDS", "", ""),
    (
        "a regular expression of `extraction`",
        f"{CONFIG}.answers:LONGEST_PATTERN",
        "characters",
        "As of conditions.",
    ),
    ("its compiled size, in instructions", f"{CONFIG}.answers:LARGEST_PROGRAM", "", ""),
    ("a text that is searched for an answer", "aggregator.extraction:LONGEST_TEXT", "characters", ""),
    (
        "labels of `extraction`",
        f"{CONFIG}.answers:LEAST_LABELS {CONFIG}.answers:MOST_LABELS",
        "",
        "One label is no question; a thousand are as many as a classifier is asked to keep apart.",
    ),
    ("words of such a label", f"{CONFIG}.answers:MOST_WORDS", "", "It is a class, and no sentence."),
    (
        "references (`$ref`) followed for one answer",
        "aggregator.checks.schema:MOST_REFERENCES",
        "",
        "A schema can double with each.",
    ),
    (
        "answers x answers x numbers compared within a `tolerance`",
        "aggregator.alike:MOST_COMPARED",
        "",
        MEMORY,
    ),
    ("`samples_per_member`, at most", f"{CONFIG}.ensembles:MOST_SAMPLES", "", "Each is a call."),
    ("`member_retries`, at most", f"{CONFIG}.ensembles:MOST_RETRIES", "", "What fails four times is down."),
    (
        "`agreement` of a cascade, at least",
        f"{CONFIG}.patterns:LEAST_AGREEMENT",
        "",
        "An answer always agrees with itself.",
    ),
    ("rounds of a judge, at most", f"{CONFIG}.patterns:MOST_ROUNDS", "", "Each is an answer and an audit."),
    ("steps of a graph", f"{CONFIG}.graphs:MOST_STEPS", "", "More is a program."),
    (
        "a rubric, an instruction, a template of a step",
        f"{CONFIG}.answers:LONGEST_RUBRIC",
        "characters",
        "Every call pays for it.",
    ),
    ("a JSON schema", f"{CONFIG}.answers:LARGEST_SCHEMA", "bytes", "Each reply is held against all of it."),
]

POLICIES: list[Told] = [
    ("policies of a router", f"{CONFIG}.policies:MOST_POLICIES", "", ""),
    ("rules of `feature_based`", f"{CONFIG}.policies:MOST_RULES", "", "As of policies."),
    ("priority, at most", f"{CONFIG}.policies:GREATEST_PRIORITY", "", "Room enough to put one between two."),
    ("a condition", "foundation.cel_text:LONGEST", "bytes", ""),
    ("function calls in a condition", "foundation.cel_text:MOST_CALLS", "", ""),
    ("brackets within each other", "router.conditions.parsing:MOST_OPEN", "", ""),
    ("depth of a condition", "router.conditions.syntax:DEEPEST", "", ""),
    ("what conditions see of a text", "router.conditions.view:LONGEST_TEXT", "characters", ""),
    (
        "a regular expression",
        "router.conditions.patterns:LONGEST_PATTERN",
        "characters",
        "Longer is a parser.",
    ),
    ("its compiled size, in instructions", "router.conditions.patterns:LARGEST_PROGRAM", "", ""),
    ("the memory of its automaton", "router.conditions.patterns:MOST_MEMORY", "bytes", ""),
    ("instructions of all expressions of a router", f"{CONFIG}.policies:LARGEST_REGEX", "", ""),
    ("values of `in` and `not_in`", "router.conditions.operators:MOST_VALUES", "", ""),
    (
        "such a value",
        "router.conditions.operators:LONGEST_VALUE",
        "characters",
        "Longer texts are compared by CEL.",
    ),
    ("declared attributes", f"{CONFIG}.policies:MOST_ATTRIBUTES", "", "As many as a request may have."),
    (
        "name of a declared attribute",
        f"{CONFIG}.policies:LONGEST_NAME",
        "characters",
        "As long as a request's.",
    ),
    ("allowed headers", f"{CONFIG}.policies:MOST_HEADERS", "", "They are copied for every prediction."),
]

OPTIONS: list[Told] = [
    ("a salt", f"{CONFIG}.options:LONGEST_SALT", "characters", "It is hashed with every entity."),
    ("`stickiness.pin_ttl`", f"{CONFIG}.options:SHORTEST_PIN {CONFIG}.options:LONGEST_PIN", "s", ""),
    ("`ramp.duration`", f"{CONFIG}.options:SHORTEST_RAMP {CONFIG}.options:LONGEST_RAMP", "s", ""),
    (
        "attempts of one prediction",
        f"{CONFIG}.execution:MOST_ATTEMPTS",
        "",
        "A caller's time is better spent on an error.",
    ),
    ("retries that are always allowed", "router.execution.load:ALWAYS_ALLOWED", "", ""),
    ("`hedging.quantile`", f"{CONFIG}.execution:LOWEST_QUANTILE {CONFIG}.execution:HIGHEST_QUANTILE", "", ""),
    ("answers before a model's calls are hedged", "router.execution.tails:LEAST_SAMPLES", "", ""),
    ("`hedging.min_delay`, at most", f"{CONFIG}.execution:LONGEST_HEDGE", "s", "Longer is a retry."),
    (
        "`mirror.timeout`",
        f"{CONFIG}.execution:SHORTEST_COPY {CONFIG}.execution:LONGEST_COPY",
        "s",
        "As of a model's.",
    ),
    (
        "copies in flight, at most (8 by default)",
        f"{CONFIG}.execution:MOST_COPIES",
        "",
        "Copies must not crowd out predictions.",
    ),
    (
        "copies waiting, at most (64 by default)",
        f"{CONFIG}.execution:MOST_WAITING",
        "",
        "What is over is dropped and counted.",
    ),
    (
        "input that is copied, at most (1 MiB by default)",
        f"{CONFIG}.execution:LARGEST_COPY",
        "bytes",
        "Copies hold what they copy; what is larger is dropped and counted.",
    ),
    ("`limits`, each at most", f"{CONFIG}.execution:LARGEST_LIMIT", "", "What the field's type holds."),
]

MODELS: list[Told] = [
    ("names, versions, families", f"{CONFIG}.models:LONGEST_NAME", "characters", READABLE),
    ("endpoints", f"{CONFIG}.models:MOST_ENDPOINTS", "", "Each is a connection of each process."),
    ("aliases", "router.managing.aliases:MOST_ALIASES", "", "Each is looked at when one moves."),
    ("`timeout`, at most", "models.registration:LONGEST_SECONDS", "s", ""),
    ("`consecutive_failures`, at most", f"{CONFIG}.health:MOST_FAILURES", "", "Beyond, it never ejects."),
    ("`min_requests`, at most", f"{CONFIG}.health:MOST_REQUESTS", "", "Beyond, no interval has as many."),
    ("`max_latency_factor`, at most", f"{CONFIG}.health:LARGEST_FACTOR", "", "Beyond, it never ejects."),
    (
        "interval and times of ejection",
        f"{CONFIG}.health:SHORTEST_SPAN {CONFIG}.health:LONGEST_SPAN",
        "s",
        "",
    ),
    (
        "a prompt or template of `overrides`",
        "models.overriding:LONGEST_TEXT",
        "characters",
        "It goes out with every call.",
    ),
    (
        "a reply of a model, and a request in the Open Inference Protocol",
        "models.connections:MESSAGE_BYTES",
        "bytes",
        "",
    ),
    ("texts of one call of an embedding model", "models.embedding_request:MOST_TEXTS", "", ""),
    ("such a text", "models.embedding_request:LONGEST_TEXT", "characters", ""),
    ("a `Retry-After` that is passed on, at most", "models.http:LONGEST_WAIT_SECONDS", "s", ""),
    ("models of one import", "router.managing.importing:MOST_IMPORTED", "", ""),
    (
        "registered models read of a registry",
        "router.registries.mlflow:MOST_MODELS",
        "",
        "A `prefix` asks for fewer.",
    ),
    ("versions read of one of them", "router.registries.mlflow:MOST_VERSIONS", "", ""),
    ("a page of a registry", "router.registries.fetching:MOST_BYTES", "bytes", ""),
    (
        "one request to a registry",
        "router.registries.fetching:REQUEST_SECONDS",
        "s",
        "An import is a call, and somebody waits.",
    ),
]

PREDICTIONS: list[Told] = [
    (
        "`entity_id`, `external_id`, each attribute",
        "router.execution.requests:LONGEST_KEY",
        "characters",
        "They are keys, not contents.",
    ),
    (
        "attributes of a request",
        "router.execution.requests:MOST_ATTRIBUTES",
        "",
        "They travel with every record.",
    ),
    (
        "requests of a BatchPredict",
        "router.execution.items:MOST_ITEMS",
        "",
        "Larger ones are streams: PredictStream.",
    ),
    ("of those, or of a stream's, in flight", "router.execution.items:AT_ONCE", "", ""),
    (
        "tag of a streamed request",
        "router.execution.items:LONGEST_TAG",
        "characters",
        "It is a key, not contents.",
    ),
    ("an answer that is logged whole", "router.execution.large:LARGEST_KEPT", "bytes", ""),
    ("all of a prediction's that are", "router.execution.large:MOST_KEPT", "bytes", ""),
    ("rows of a jury's question", "router.deciding.juries:MOST_ROWS", "", ""),
    ("predictions waiting for a slow WatchPredictions", "router.logbook.feed:MOST_WAITING", "", ""),
    ("bytes of those", "router.logbook.feed:MOST_BYTES", "bytes", MEMORY),
]

CALLS: list[Told] = [
    ("a page, at most (50 by default)", f"{STATE}.pages:MAX_PAGE", "", AHEAD),
    ("a page of predictions ends after", f"{STATE}.records:PAGE_BYTES", "bytes", ""),
    ("records looked at for one page", f"{STATE}.records:MOST_EXAMINED", "", ""),
    ("`GetMetrics.window`, at most", "router.reporting.query:LONGEST", "s", "As long as they are kept."),
    ("parts of that window", "router.reporting.query:MOST_PARTS", "", ""),
    ("variants times policies counted apart, of a router", "feedback.grouping:MOST_GROUPS", "", ""),
    ("`DeployRouter.wait`, at most", "router.managing.rollout:LONGEST_WAIT", "s", ""),
    ("a `request_id`", f"{STATE}.once:MAX_LENGTH", "characters", "A UUID has 36."),
    ("how long it is known", f"{STATE}.once:LIFETIME_MS", "ms", ""),
    ("a message of an error", "foundation.status:MESSAGE_BYTES", "bytes", ""),
    ("API keys of one user", f"{STATE}.api_keys:MOST_OF_USER", "", ""),
    ("API keys in all", f"{STATE}.api_keys:MOST_KEYS", "", "Every process holds all of them."),
    ("description of a key", "router.servicers.access:LONGEST_DESCRIPTION", "characters", READABLE),
    (
        "a token (JWT)",
        "foundation.identity.tokens:LONGEST_TOKEN",
        "bytes",
        "It travels in a header with every call.",
    ),
]

FEEDBACK: list[Told] = [
    ("a feedback's id", f"{STATE}.reports:LONGEST_ID", "characters", "It is a key, not contents."),
    ("a label", f"{STATE}.reports:LONGEST_LABEL", "characters", "It is a class or a short answer."),
    ("an observation from the future, at most", f"{STATE}.reports:OBSERVED_AHEAD_SECONDS", "s", ""),
    ("feedback waiting for its prediction, of a partition", f"{STATE}.parked:MOST_ITEMS", "", ""),
    ("how long it waits", f"{STATE}.parked:LIFETIME_SECONDS", "s", ""),
    ("truths not read yet, of a partition", f"{STATE}.truth:MOST_ENTRIES", "", ""),
    ("labels counted apart, of a router; the rest are OTHER", f"{STATE}.labels:MOST_LABELS", "", MEMORY),
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

SECTIONS: list[tuple[str, list[Told]]] = [
    ("Routers", ROUTERS),
    ("Strategies", STRATEGIES),
    ("Policies and conditions", POLICIES),
    ("Options of any strategy", OPTIONS),
    ("Models", MODELS),
    ("Predictions", PREDICTIONS),
    ("Calls, pages, keys", CALLS),
    ("Feedback and drift", FEEDBACK),
    ("What is kept, and how long", KEPT),
]
SETTINGS = [
    ("message_bytes", "bytes"),
    ("default_deadline_seconds", "s"),
    ("stream_deadline_seconds", "s"),
    ("concurrency", ""),
    ("method_concurrency", ""),
    ("drain_seconds", "s"),
    ("connection_age_seconds", "s"),
    ("spool_bytes", "bytes"),
    ("parked_items", ""),
    ("drift_expiry_hours", "h"),
]

"""What docs/limits.md tells, in its order: what is bounded, the constants, their unit ("" for a number, "s",
"ms", "bytes", "characters"), and the reason where no comment beside the constant gives it."""

from tests.limits_of_alerts import ALERTS
from tests.limits_of_analyses import ANALYSES
from tests.limits_of_choice import POLICIES, STRATEGIES
from tests.limits_of_intake import INTAKE
from tests.limits_of_learning import FEEDBACK, KEPT
from tests.limits_of_performance import PERFORMANCE
from tests.limits_of_report import REPORTS
from tests.limits_words import AHEAD, CONFIG, LEAST_FOR_CHOICE, MEMORY, READABLE, STATE, Told

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
    (
        "`deployment.replicas` of a router with pods of its own",
        f"{CONFIG}.checks:MOST_REPLICAS",
        "",
        "As many replicas as the deployment follows.",
    ),
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
    (
        "predictions by which one external id is looked up; two are refused as ambiguous",
        "state.attribution:MOST_OF_EXTERNAL",
        "",
        "",
    ),
    ("predictions by which one entity is looked up", "state.attribution:MOST_OF_ENTITY", "", ""),
    ("`external_id` and `entity_id` of feedback", "feedback.wire.requests:LONGEST_KEY", "characters", ""),
    (
        "items of one message of an import",
        "feedback.importing:MOST_ITEMS",
        "",
        "Two groups and a message are held.",
    ),
    ("refusals of an import that are told", "feedback.importing:MOST_ERRORS", "", READABLE),
    ("imports at once, of a process; others wait", "feedback.importing:AT_ONCE", "", ""),
    ("expression of a metric", "foundation.expressions:LONGEST", "bytes", ""),
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

SECTIONS: list[tuple[str, list[Told]]] = [
    ("Routers", ROUTERS),
    ("Strategies", STRATEGIES),
    ("Policies and conditions", POLICIES),
    ("Options of any strategy", OPTIONS),
    ("Models", MODELS),
    ("Predictions", PREDICTIONS),
    ("Calls, pages, keys", CALLS),
    ("Feedback and drift", FEEDBACK),
    ("Logged predictions and ground truth", INTAKE),
    ("Performance of models", PERFORMANCE),
    ("Analyses", ANALYSES),
    ("Schedules and alerts", ALERTS),
    ("Drift on a terminal and on a page", REPORTS),
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

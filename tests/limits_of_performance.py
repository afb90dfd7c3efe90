"""Limits of the history of models and of concept drift, as docs/limits.md tells them."""

from tests.limits_words import STATE, Told

QUERY, TERMS = "drift.performance.query", "drift.concept.terms"

PERFORMANCE: list[Told] = [
    ("history of a model, by the hour and by the day", f"{QUERY}:KEPT", "s", "As profiles are kept."),
    ("steps of a page of it", f"{QUERY}:MOST_STEPS", "", ""),
    ("`confidence`", f"{QUERY}:LEAST_CONFIDENCE {QUERY}:MOST_CONFIDENCE", "", "Less says little."),
    ("an event time after its prediction; later ones count as that", f"{STATE}.asked:MAX_AHEAD", "s", ""),
    ("`learning_labels`", f"{TERMS}:LEAST_LEARNING {TERMS}:MOST_LEARNING", "", ""),
    ("`usual_loss`", f"{TERMS}:LEAST_USUAL {TERMS}:MOST_USUAL", "", ""),
    ("`labels_between_alarms`", f"{TERMS}:LEAST_BETWEEN {TERMS}:MOST_BETWEEN", "", ""),
    ("labels of a verdict, at least", f"{TERMS}:LEAST_LABELS", "", ""),
    ("minutes with labels that wait for others, of a partition", "drift.concept.folder:MOST_WAITING", "", ""),
]  # fmt: skip

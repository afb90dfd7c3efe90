"""Who says how sure he is of an answer, by his registration; and methods that decide by nothing else."""

from collections.abc import Callable, Iterator

from turnout.router.v1 import strategy_pb2 as strategies
from turnout.router.v1.model_pb2 import CONFIDENCE_SOURCE_JSON_POINTER, CONFIDENCE_SOURCE_LOGPROB, Model

from services.router.config.panels import Panel

TOLD = (CONFIDENCE_SOURCE_LOGPROB, CONFIDENCE_SOURCE_JSON_POINTER)
# Answers that are the same or not: of several of one member the share that agrees is its confidence.
COUNTED = ("labels", "text", "json", "tool calls")
BY_CONFIDENCE = (
    strategies.WEIGHT_SOURCE_CONFIDENCE,
    strategies.WEIGHT_SOURCE_DECLARED_TIMES_CONFIDENCE,
)
# The methods that read weights.
WEIGHING = ("vote", "weighted_average", "median", "log_pool", "semantic_mean", "json_majority")
MOST_NAMED = 5
HOW = "declare signature.outputs.probabilities (of a chat confidence_from)"


def tells_confidence(model: Model) -> bool:
    """Whether its answers come with one: probabilities, or a chat's own."""
    return bool(model.signature.outputs.probabilities) or model.confidence_from in TOLD


def unsure(panel: Panel, method: str, kind_of: Callable[[Model], str]) -> Iterator[tuple[str, str]]:
    """A method that decides by confidence over members that tell none, which cannot combine anything: its
    field, and what would be right."""
    field = _by_confidence(panel, method)
    several = panel.given.samples_per_member > 1
    mute = [
        f"{variant.id} ({model.name})"
        for variant, model in panel.known
        if not tells_confidence(model) and not (several and kind_of(model) in COUNTED)
    ]
    if field and mute:
        more = ", …" if len(mute) > MOST_NAMED else ""
        does = "tells" if len(mute) == 1 else "tell"
        said = (
            f"{method} decides by confidence, and {', '.join(mute[:MOST_NAMED])}{more} {does} none: {HOW}, "
            "or leave confidence out of it"
        )
        yield f"{panel.field}.{field}", said


def _by_confidence(panel: Panel, method: str) -> str:
    """The field that makes confidence decide; empty where it does not."""
    given = panel.given
    if method == "max_confidence":
        return "aggregation"
    if method in WEIGHING and given.weight_source in BY_CONFIDENCE:
        return "weight_source"
    declared = any(one.HasField("weight") for one in panel.members)
    # Its default where nobody declares a weight.
    return "aggregation" if method == "weighted_average" and not given.weight_source and not declared else ""

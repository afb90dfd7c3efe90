"""What feedback obeys of a router's configuration."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from services.feedback.canary.plan import Canary
from services.feedback.evidence.plan import Experiment, Watch
from services.feedback.measure import Measure
from services.feedback.policies.learning import Learning

REWARD_METRIC = "accuracy"
REWARD_WINDOW = 1000
# Thirty days: what records are kept for unless the router says otherwise.
HORIZON_SECONDS = 30 * 86_400.0


@dataclass(frozen=True, slots=True)
class Rules:
    """Of one generation of a router.

    enabled: by variant id, in the configuration's order. reward: the measure that `reward` speaks of.
    measures: all that feedback may be given in, by name. failure_units: reward of a drawn variant that
    failed. horizon: seconds from a prediction to the last feedback that counts. window, overall: how many of
    the newest rewards are remembered, of each arm or of all together. learning: None where nothing is
    learnt. models: names of the variants' models, or aliases of them. positive_label: of the task, if it has
    one. segments: by name, how many of their values are told apart. canary: None where the strategy is
    another. panels: whether several are asked at once. experiment: None without one. watch: what is kept and
    tested of its decisions, of an experiment or a canary. updated: when this generation was written, in
    seconds since 1970. hidden: which of external_id and entity_id are not logged as they are.
    """

    uid: str
    name: str
    generation: int
    partition: int
    enabled: Mapping[str, bool]
    reward: Measure
    measures: Mapping[str, Measure]
    failure_units: int
    horizon: float = HORIZON_SECONDS
    window: int = REWARD_WINDOW
    overall: bool = False
    learning: Learning | None = None
    models: Sequence[str] = ()
    positive_label: str = ""
    segments: Mapping[str, int] = field(default_factory=dict)
    canary: Canary | None = None
    panels: bool = False
    experiment: Experiment | None = None
    watch: Watch | None = None
    updated: float = 0.0
    hidden: Collection[str] = ()

"""From rewards that are reported to feedback to what drift says of models: both over real channels."""

import random
from collections.abc import Callable

import pytest
from turnout.drift.v1 import performance_pb2 as rpc
from turnout.drift.v1.concept_pb2 import (
    CONCEPT_STATUS_DRIFT,
    CONCEPT_STATUS_OK,
    ConceptDetection,
    ConceptSignal,
    ConceptState,
)
from turnout.feedback.v1.feedback_service_pb2 import RecordFeedbackRequest
from turnout.inference.v1.event_pb2 import PredictionEvent
from turnout.router.v1.model_pb2 import Model

from services.drift.concept import watching
from services.drift.concept.telling import told
from services.drift.concept.terms import terms_of
from services.state import ids
from services.state.configs import ConfigStore
from services.state.connection import Connections
from services.state.fenced import Fence
from services.state.kinds import MODELS
from tests.drift.concept.test_folding import NOW, Process, settled
from tests.drift.concept.test_watching import stream_of, watch
from tests.drift.conftest import Ask
from tests.feedback import recorded, test_import
from tests.feedback.conftest import Setting, opened

DETECTION = ConceptDetection(learning_labels=100, labels_between_alarms=1e5)
EACH = 300


def drawn(setting: Setting) -> list[PredictionEvent]:
    """Predictions of the models a and b in turn, over the last two hours."""
    rng = random.Random(1)
    return [
        recorded.event(
            ids.new_prediction_id(setting.partition, NOW - 7200 + 12 * place, rng),
            "ab"[place % 2],
            uid=setting.router.uid,
        )
        for place in range(2 * EACH)
    ]


def rewarded(event: PredictionEvent, place: int, rng: random.Random) -> RecordFeedbackRequest:
    """Six of ten are; of b in the second half one of ten."""
    falls = event.manifest.decision.variant == "b" and place >= EACH
    return RecordFeedbackRequest(
        prediction_id=event.manifest.prediction_id, reward=rng.random() < (0.1 if falls else 0.6)
    )


async def test_rewards_that_fall_are_a_drift_and_steady_ones_are_not(
    connections: Connections, ask: Ask
) -> None:
    setting, rng = Setting(connections), random.Random(2)
    older = ConfigStore(connections, MODELS, lambda: NOW - 1e6, random.Random(3))
    models = [(await older.create(Model(name=f"models/{name}"))).message for name in "ab"]
    await setting.create()
    process = Process(connections)
    for model in models:
        await process.store.configure(model.uid, DETECTION)
    those = drawn(setting)
    await setting.record(*those)
    items = [rewarded(event, place, rng) for place, event in enumerate(those)]
    async with opened(setting):
        for some in (items, items[:100]):
            await test_import.told(setting, *test_import.many(some))
    process.fence, process.now = Fence.of(setting.partition, "drift", 1), settled()
    await process.folder.fold(setting.partition, process.fence)

    steady, falling = [
        (await ask("GetPerformanceHistory", rpc.GetPerformanceHistoryRequest(model=model.name))).concept
        for model in models
    ]
    assert {(one.metric, one.router, one.rows) for one in [*steady.signals, *falling.signals]} == {
        ("reward", "routers/learner", EACH)
    }
    assert steady.status == CONCEPT_STATUS_OK
    assert steady.summary == f"The model does not earn less than usual, on {EACH} rewards."
    assert falling.status == CONCEPT_STATUS_DRIFT
    assert falling.since.seconds == pytest.approx(NOW - 3600, abs=1200)
    assert falling.summary.startswith("The model earns less in routers/learner than usual since ")
    assert "on reward after" in falling.summary


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_what_never_changes_is_usual(value: float) -> None:
    terms = terms_of(ConceptDetection(learning_labels=100)).of_rewards("+/0197/accuracy")
    stream = watching.begin("reward", terms, "routers/r")
    watching.fold(stream, terms, stream_of([value] * 3000))
    assert value < stream.usual + 0.002 < value + 0.06
    assert [one.alarms for one in stream.watches] == [0, 0, 0]


@pytest.mark.parametrize(
    ("mean", "drawn_of"),
    [
        (0.99, lambda rng: 1 - min(rng.expovariate(100), 1)),
        (0.998, lambda rng: float(rng.random() < 0.998)),
        (0.3014, lambda rng: 0.3 + 0.7 * (rng.random() < 0.002)),
    ],
    ids=["little of much", "seldom any", "seldom none"],
)
def test_what_rewards_are_usual_is_seldom_learnt_too_low(
    mean: float, drawn_of: Callable[[random.Random], float]
) -> None:
    """Once in a hundred at most; of 200, more than 8 would be one in four thousand (a binomial of mean 2)."""
    samples = ([drawn_of(rng) for _ in range(200)] for rng in map(random.Random, range(200)))
    assert sum(watching.upper(sample, watching.REWARD) < mean for sample in samples) <= 8


def test_a_little_less_of_what_hardly_varies_is_found_soon() -> None:
    """From 0.02 with a deviation of 0.005, to 0.01: with p (1 - p) for the variance it would not be found."""
    rng, terms = random.Random(4), terms_of(ConceptDetection()).of_rewards("+/0197/revenue@0..200")
    stream = watching.begin("reward", terms, "routers/r")
    losses = [1 - rng.gauss(0.02, 0.005) for _ in range(3000)] + [
        1 - rng.gauss(0.01, 0.002) for _ in range(3000)
    ]
    watching.fold(stream, terms, stream_of([min(max(one, 0.0), 1.0) for one in losses]))
    assert watch(stream).since_id


def test_the_usual_loss_of_labels_is_none_of_rewards_and_their_detectors_begin_anew_with_them() -> None:
    given = ConceptDetection(usual_loss=0.01, learning_labels=100)
    terms = terms_of(given).of_rewards("+/0197/accuracy")
    stream = watching.begin("reward", terms, "routers/r")
    watching.fold(stream, terms, stream_of([0.4] * 300))
    found = told(given, {3: ConceptState(streams=[stream])}, {})
    assert found.status == CONCEPT_STATUS_OK
    signal: ConceptSignal = found.signals[0]
    assert signal.usual_loss > 0.4
    assert not signal.HasField("error_scale")
    other = terms_of(given).of_rewards("-/0197/cost@0..9")
    watching.fold(stream, other, stream_of([0.4], 300))
    assert (stream.rows, stream.router) == (1, "routers/r")
    given.without_rewards = True
    assert not told(given, {3: ConceptState(streams=[stream])}, {}).signals

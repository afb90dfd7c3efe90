"""A story that went well, made up: what every claim holds on, and each bypass must break."""

import random
from collections import Counter
from collections.abc import Sequence

from turnout.drift.v1.drift_service_pb2 import DESCRIPTOR

from examples.demo.cast import CAST
from examples.demo.claims.accounting import INSTRUMENTS, counted
from examples.demo.evidence import NOTHING, Act, Answer, Arm, Evidence, Looks, Note, Shifted, Watch, Window

RPCS = [method.name for method in DESCRIPTOR.services_by_name["DriftService"].methods]
QUALITY = {
    "cancer-logistic": 0.973,
    "cancer-bayes": 0.908,
    "digits-svm": 0.988,
    "digits-right": 0.865,
    "digits-bottom": 0.822,
    "digits-top": 0.859,
}
LEARNT = {"digits-svm": 1 - 0.2 * 2 / 3, "digits-right": 0.2 / 3, "digits-bottom": 0.2 / 3}
LEFT = {"digits-svm": 0.2 / 3, "digits-right": 1 - 0.2 * 2 / 3, "digits-bottom": 0.2 / 3}
UNIFORM = dict.fromkeys(CAST.arms, 1 / 3)


def drawn(rng: random.Random, router: str, act: Act, among: dict[str, float]) -> Answer:
    """An answer by one variant, right as often as its quality says."""
    variant = rng.choices([*among], [*among.values()])[0]
    label = "true" if rng.random() < QUALITY[variant] else "false"
    calls = [(variant, "SERVED")]
    return Answer(act, router, "true", "id", label, variant, among[variant], among, calls)


def voted(rng: random.Random, act: Act, hanging: bool) -> Answer:
    """An answer by the jury."""
    label = "true" if rng.random() < 0.938 else "false"
    calls = [(one, "TIMED_OUT" if hanging and one == CAST.hanging else "CONTRIBUTED") for one in CAST.jurors]
    return Answer(act, CAST.jury, "true", "id", label, calls=calls, degraded=hanging)


def answers(seed: int, learnt: dict[str, float] = LEARNT, left: dict[str, float] = LEFT) -> list[Answer]:
    """The traffic of a whole story."""
    rng = random.Random(seed)
    split = {variant: weight / 100 for variant, weight in CAST.weights.items()}
    dead = Answer(Act.OUTAGE, CAST.bandit, "true", "id", variant=CAST.best, calls=[(CAST.best, "FAILED")])
    return [
        *(drawn(rng, CAST.split, Act.LEARNING, split) for _ in range(360)),
        *(drawn(rng, CAST.bandit, Act.LEARNING, UNIFORM) for _ in range(180)),
        *(drawn(rng, CAST.bandit, Act.LEARNING, learnt) for _ in range(540)),
        *(voted(rng, Act.LEARNING, hanging=False) for _ in range(480)),
        *(dead for _ in range(30)),
        *(drawn(rng, CAST.bandit, Act.OUTAGE, left) for _ in range(60)),
        *(voted(rng, Act.OUTAGE, hanging=True) for _ in range(20)),
        *(drawn(rng, CAST.split, Act.SHIFT, split) for _ in range(360)),
    ]


def window(*features: tuple[str, str, float]) -> Window:
    """A drift result with these features."""
    return Window(250, features[0][1], "", [Shifted(*one) for one in features])


CALM = window(("mean texture", "WARNING", 0.16), ("mean radius", "OK", 0.04))
JURORS = Window(588, "OK", "", [Shifted("answer", "OK", 0.02)])
MOVED = window(("mean radius", "ALERT", 3.01), ("mean texture", "WARNING", 0.16))

LOST, GRADED = Shifted("mean symmetry", "OK", 0.02), Shifted("grade", "OK", 0.02)
AFTER = Window(
    300,
    "ALERT",
    "4 of 8 features drift.",
    [
        Shifted("mean radius", "ALERT", 0.9, outside=0.02),
        Shifted("answer", "ALERT", 0.7),
        Shifted("grade", "ALERT", 0.3, outside=0.08, unseen=["unreadable"]),
        Shifted("mean symmetry", "WARNING", 0.1, missing=0.17),
    ],
)
LOOKS = Looks(
    before=Window(300, "OK", "", [Shifted("mean radius", "OK", 0.05), LOST, GRADED]),
    after=AFTER,
    old=Window(100, "OK", "", []),
    new=Window(200, "ALERT", "", []),
    beside=Window(300, "ALERT", "", [Shifted("mean radius", "ALERT", 0.9)]),
)
FOUND = Watch(
    baseline=200,
    sources={"file": 3, "columns": 1, "aggregates": 1, "window": 1},
    active="training",
    duplicates=1,
    unmatched=(600, 0),
    labels={"ACCEPTED": 600},
    looks=LOOKS,
    followed=["firing"],
    asked=frozenset(RPCS),
    notes=[Note(["Analyze"], "said")],
    logged=600,
    status="ALERT",
    feature="mean radius",
    alert="1 feature is past a threshold.",
    heard=["test", "firing"],
    signed=True,
    concept="DRIFT",
    errors="The model errs more than usual.",
    before="cancer-elsewhere",
    after="cancer-bayes",
    report="report.html",
)


def evidence(
    given: Sequence[Answer], *, after: Window = MOVED, accuracy: dict[str, float] | None = None
) -> Evidence:
    """The story with metrics pages that agree with it."""
    bare = Evidence(CAST, given, {}, frozenset(INSTRUMENTS), {}, {}, {}, CALM, after)
    decided, called = counted(bare)
    pulls = Counter(answer.variant for answer in given)
    arms = {arm: Arm(pulls[arm], pulls[arm], QUALITY[arm], 0, 0.3) for arm in CAST.arms}
    gauges = accuracy or measured(given)
    watch, jurors = (FOUND, JURORS) if given else (Watch(), NOTHING)
    counted_on = (decided, called, gauges, CALM, after, watch)
    return Evidence(CAST, given, arms, frozenset(INSTRUMENTS), *counted_on, jurors)


def measured(given: Sequence[Answer]) -> dict[str, float]:
    """Gauges that count what the client counts; of a model that only sits in juries, its quality."""
    found = dict(QUALITY)
    for model in QUALITY:
        mine = [answer.right for answer in given if answer.variant == model and answer.label]
        if mine and model not in CAST.jurors:
            found[model] = sum(mine) / len(mine)
    return found

"""The three routers of the story, as a client writes them."""

from collections.abc import Mapping

from turnout.router.v1 import router_pb2 as wire
from turnout.router.v1 import strategy_pb2 as strategies

from examples.demo.evidence import Cast
from examples.demo.options import Options, Without

CAST = Cast(
    split="tumours-ab",
    weights={"cancer-logistic": 70.0, "cancer-bayes": 30.0},
    bandit="digits-bandit",
    arms=("digits-svm", "digits-right", "digits-bottom"),
    exploration_rate=0.2,
    best="digits-svm",
    jury="digits-jury",
    jurors=("digits-right", "digits-top", "digits-bottom"),
    hanging="digits-top",
    shifted="mean radius",
)
# What drift watches: the A/B router's larger arm.
WATCHED = "cancer-logistic"
# So few that a dead favourite is found out after some thirty failures, so many that the best stays ahead.
REWARD_WINDOW = 200
# A member's time to answer; a healthy one needs a few milliseconds.
MEMBER_MILLISECONDS = 400


def routers(options: Options) -> list[wire.Router]:
    """The A/B router, the bandit and the jury."""
    return [_split(options), _bandit(options), _jury(options)]


def _split(options: Options) -> wire.Router:
    router = _router(options, CAST.split, CAST.weights, "70 to 30 between two doctors")
    router.weighted.SetInParent()
    return router


def _bandit(options: Options) -> wire.Router:
    router = _router(options, CAST.bandit, dict.fromkeys(CAST.arms, 1.0), "learns who reads digits best")
    # Exploring all the time is not learning: the one difference that the claims must notice.
    exploring = Without.LEARNING in options.without
    router.bandit.CopyFrom(
        strategies.BanditStrategy(
            algorithm=strategies.BANDIT_ALGORITHM_EPSILON_GREEDY,
            exploration_rate=1.0 if exploring else CAST.exploration_rate,
            reward_window=REWARD_WINDOW,
            reward_metric="accuracy",
        )
    )
    return router


def _jury(options: Options) -> wire.Router:
    router = _router(
        options, CAST.jury, dict.fromkeys(CAST.jurors, 1.0), "three who see part of a picture each"
    )
    router.ensemble.aggregation = strategies.AGGREGATION_METHOD_AVERAGE
    router.ensemble.quorum = 2
    router.ensemble.member_timeout.FromMilliseconds(MEMBER_MILLISECONDS)
    return router


def _router(options: Options, name: str, weights: Mapping[str, float], description: str) -> wire.Router:
    return wire.Router(
        name=f"routers/{options.prefix}{name}",
        description=description,
        variants=[
            wire.Variant(id=model, model=f"models/{options.prefix}{model}", weight=weight)
            for model, weight in weights.items()
        ],
    )

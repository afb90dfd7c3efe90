"""registered -> deploying -> running -> stopped, and failed from deploying: which change is allowed when."""

from turnout.router.v1.router_pb2 import Router, RouterState

from services.foundation.errors import FailedPrecondition

REGISTERED, DEPLOYING, RUNNING, STOPPED, FAILED = (
    RouterState.ROUTER_STATE_REGISTERED,
    RouterState.ROUTER_STATE_DEPLOYING,
    RouterState.ROUTER_STATE_RUNNING,
    RouterState.ROUTER_STATE_STOPPED,
    RouterState.ROUTER_STATE_FAILED,
)

# What leads where. Deploying again from deploying is how a rollout whose controller died is taken up.
ALLOWED: dict[str, tuple[frozenset[RouterState], RouterState]] = {
    "deploy": (frozenset({REGISTERED, STOPPED, FAILED, DEPLOYING, RUNNING}), DEPLOYING),
    "start": (frozenset({STOPPED, FAILED, DEPLOYING}), DEPLOYING),
    "stop": (frozenset({RUNNING, DEPLOYING, FAILED}), STOPPED),
}

SERVING = frozenset({DEPLOYING, RUNNING})


class WrongState(FailedPrecondition):
    """The lifecycle does not allow this from where the router is."""

    reason = "WRONG_STATE"


def advance(router: Router, verb: str) -> None:
    """Move `router` along by deploy, start or stop. Raises WrongState, naming where it is and could be."""
    sources, target = ALLOWED[verb]
    if verb == "deploy" and router.state == RUNNING:
        # It serves already, and goes on serving whatever comes of looking at the replicas again.
        target = RUNNING
    if router.state not in sources:
        here = told(router.state)
        allowed = ", ".join(sorted(told(state) for state in sources))
        raise WrongState(
            f"{router.name} is {here}; {verb} is possible from {allowed}", router=router.name, state=here
        )
    router.state = target
    router.state_message = ""
    router.endpoint = router.endpoint if target in SERVING else ""


def told(state: RouterState) -> str:
    """The state as people write it."""
    return RouterState.Name(state).removeprefix("ROUTER_STATE_").lower()


def settle(router: Router, trouble: str, endpoint: str) -> None:
    """Running at `endpoint`, or failed with the reason, unless somebody has moved it on meanwhile."""
    if router.state == DEPLOYING:
        router.state = FAILED if trouble else RUNNING
        router.state_message = trouble
        router.endpoint = "" if trouble else endpoint


def refuse_move(before: Router, after: Router) -> None:
    """A router that serves stays where it serves: nobody would answer meanwhile. Raises WrongState."""
    if before.state in SERVING and before.deployment.target != after.deployment.target:
        said = (
            f"{after.name} is {told(before.state)} on {before.deployment.target}: stop it, then change this"
        )
        raise WrongState(said, fields=[("router.deployment.target", said)], router=after.name)


def retire(router: Router) -> None:
    """What deleting does first: a router that serves is stopped."""
    if router.state in SERVING:
        advance(router, "stop")

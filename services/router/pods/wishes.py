"""A stored router as a wish for pods, and a verdict about pods as a change of the stored router."""

from turnout.router.v1.router_pb2 import Router

from services.deploy.cluster import Workload
from services.deploy.rollout.verdict import Outcome, Verdict
from services.deploy.steps import Phase, Wish
from services.router.managing.lifecycle import DEPLOYING, FAILED, RUNNING, SERVING, STOPPED
from services.state.names import id_of


def wish(router: Router) -> Wish:
    """What is wished of a router whose target is Kubernetes.

    What failed is left as it is: whoever comes to see why finds the pods that failed.
    """
    workload = Workload(id_of(router.name), router.uid, router.deployment.replicas)
    if router.state in SERVING:
        return Wish(workload, Phase.RUN, router.etag)
    return Wish(workload, Phase.STOP if router.state == STOPPED else Phase.STAY, router.etag)


def settle(router: Router, told: Verdict, endpoint: str) -> None:
    """Write down how the pods get on.

    A router that runs goes on running whatever becomes of a change of its pods: the former ones are there
    until the new ones are well, and the message says why they are not.
    """
    done, failed = told.outcome is Outcome.DONE, told.outcome is Outcome.FAILED
    if router.state == DEPLOYING:
        router.state = RUNNING if done else FAILED if failed else DEPLOYING
        router.state_message = told.said
        router.endpoint = endpoint if done else ""
    elif router.state == RUNNING and (done or failed):
        router.state_message = told.said
        router.endpoint = endpoint
    elif router.state == STOPPED and failed:
        router.state_message = f"its pods could not be stopped: {told.said}"

"""What to try when the demo is over, for the default ports of `turnout up --fleet`."""

import json

PREDICT = "turnout.router.v1.InferenceService/Predict"
ROUTER = "127.0.0.1:50051"


def request() -> str:
    """A prediction on one line."""
    return json.dumps(
        {"router": "second-look", "input": {"row": {"mean radius": 17.99, "mean texture": 10.38}}}
    )


def create() -> str:
    """A router to ask, on one line."""
    variants = [{"model": "cancer-bayes", "weight": 70}, {"model": "cancer-stump", "weight": 30}]
    return json.dumps({"router_id": "second-look", "router": {"weighted": {}, "variants": variants}})


def commands() -> list[str]:
    """Shell commands, in order."""
    service = "turnout.router.v1.RouterService"
    buf = ".venv/bin/buf curl --protocol grpc --http2-prior-knowledge"
    return [
        "make up",
        f"{buf} -d '{create()}' http://{ROUTER}/{service}/CreateRouter",
        f'{buf} -d \'{{"name": "second-look"}}\' http://{ROUTER}/{service}/DeployRouter',
        f"{buf} -d '{request()}' http://{ROUTER}/{PREDICT}",
        f"grpcurl -plaintext -d '{request()}' {ROUTER} {PREDICT}",
        f"{buf} --list-methods http://{ROUTER}",
    ]

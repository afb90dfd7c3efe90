"""The routers that are measured, all served by one process, and what is asked of each."""

import random

import numpy as np
from inference.open_inference_pb2 import ModelInferRequest
from turnout.router.v1 import model_pb2
from turnout.router.v1.inference_service_pb2 import PredictRequest
from turnout.router.v1.model_service_pb2 import RegisterModelRequest
from turnout.router.v1.router_pb2 import Router
from turnout.router.v1.router_service_pb2 import CreateRouterRequest, DeployRouterRequest
from turnout.router.v1.strategy_pb2 import BANDIT_ALGORITHM_EPSILON_GREEDY

from services.foundation.client import Client

FEATURES, RULED_FEATURES, VALUES, RULES = 10, 30, 64, 50
SHAPES = (
    "f{a} > 1000.0 && f{b} < 5.0",
    "f{a} < -1.0 || f{b} > 1000.0",
    "f{a} * 2.0 + f{b} > 1000.0",
    "f{a} in [1000.0, 2000.0, 3000.0]",
    "!(f{a} >= 0.0) || f{b} == 1000.0",
)


def model_request(values: int) -> bytes:
    """A row of doubles, as the router sends it to a backend and as clients of its door send it."""
    request = ModelInferRequest(model_name="tensors", id="1")
    request.inputs.add(name="input", datatype="FP64", shape=[1, values])
    request.outputs.add(name="probabilities")
    request.raw_input_contents.append(np.linspace(0, 1, values).tobytes())
    return request.SerializeToString()


def predict_request(router: str) -> bytes:
    """A row of named numbers."""
    request = PredictRequest(router=router, entity_id="customer 7" if router == "sticky" else "")
    for place in range(RULED_FEATURES if router == "rules" else FEATURES):
        request.input.tabular.numeric_features[f"f{place}"] = place * 1.5
    return request.SerializeToString()


async def configure(address: str, backend: str) -> None:
    """Register two models of each width behind one backend, and deploy a router of each kind over them."""
    client = Client(address)
    register = client.unary("turnout.router.v1.ModelService", "RegisterModel")
    create = client.unary("turnout.router.v1.RouterService", "CreateRouter")
    deploy = client.unary("turnout.router.v1.RouterService", "DeployRouter")
    try:
        for width in (FEATURES, RULED_FEATURES, VALUES):
            for variant in ("a", "b"):
                model = canned_model(f"canned-{width}-{variant}", width, backend)
                await register(RegisterModelRequest(model=model), timeout=20)
        for name, router in _routers().items():
            await create(CreateRouterRequest(router_id=name, router=router), timeout=20)
            await deploy(DeployRouterRequest(name=name), timeout=20)
    finally:
        await client.close()


def canned_model(name: str, width: int, backend: str) -> model_pb2.Model:
    """A bare backend's registration: it reads so many numbers."""
    model = model_pb2.Model(
        name=f"models/{name}", protocol=model_pb2.PROTOCOL_OIP_GRPC, endpoints=[{"address": backend}]
    )
    model.timeout.FromSeconds(5)
    model.cost.per_call = 0.001
    for place in range(width):
        model.signature.features.add(name=f"f{place}", kind=model_pb2.FEATURE_KIND_NUMERIC)
    model.signature.outputs.probabilities = "probabilities"
    model.signature.outputs.class_order.extend(["no", "yes"])
    return model


def _routers() -> dict[str, Router]:
    found = {name: _weighted(FEATURES) for name in ("weighted", "sticky", "bandit")}
    found["sticky"].stickiness.enabled = True
    found["bandit"].bandit.algorithm = BANDIT_ALGORITHM_EPSILON_GREEDY
    found["rules"] = _weighted(RULED_FEATURES)
    rng = random.Random(7)
    for place in range(RULES):
        a, b = rng.sample(range(RULED_FEATURES), 2)
        # None of them holds, so that every one is asked.
        condition = SHAPES[place % len(SHAPES)].format(a=a, b=b)
        rule = found["rules"].policies.add(name=f"r{place}", priority=place + 1, condition=condition)
        rule.variant = f"canned-{RULED_FEATURES}-a"
    found["tensors"] = _weighted(VALUES)
    return found


def _weighted(width: int) -> Router:
    router = Router()
    router.variants.add(model=f"canned-{width}-a", weight=60)
    router.variants.add(model=f"canned-{width}-b", weight=40)
    return router

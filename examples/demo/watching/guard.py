"""The router that asks the watched model unless it drifts, and its stand-in then."""

from collections.abc import Mapping

from turnout.router.v1 import inference_service_pb2, model_pb2, router_pb2, router_service_pb2

from examples.demo.desk import INFERENCE, ROUTERS, SECONDS
from examples.demo.elsewhere import COLUMNS, GRADE, GRADES, JUDGED
from examples.demo.register import known, register_one
from examples.fleet.catalog import registration
from services.foundation.client import Client

MODEL, STAND_IN, ROUTER = "cancer-elsewhere", "cancer-bayes", "tumours-guarded"


class Guard:
    """Speaks to a router service; `prefix` goes before the names."""

    def __init__(self, router: Client, prefix: str) -> None:
        self._router = router
        self._prefix = prefix
        self._model = f"models/{prefix}{MODEL}"
        self._name = f"{prefix}{ROUTER}"

    async def deploy(self, models: Mapping[str, str]) -> None:
        """A model that somebody serves elsewhere, and a router that asks it unless it drifts. `models` are
        addresses by resource name."""
        address = models[f"models/{STAND_IN}"]
        await register_one(self._router, f"models/{self._prefix}{STAND_IN}", STAND_IN, address)
        # What it sees is declared as another's is; here it is never asked.
        elsewhere = registration(STAND_IN, address)
        elsewhere.name = self._model
        del elsewhere.signature.features[:]
        elsewhere.signature.layout.CopyFrom(model_pb2.TensorLayout(kind=model_pb2.LAYOUT_KIND_PER_COLUMN))
        for name in COLUMNS:
            elsewhere.signature.features.add(name=name, kind=model_pb2.FEATURE_KIND_NUMERIC, nullable=True)
        elsewhere.signature.features.add(
            name=GRADE, kind=model_pb2.FEATURE_KIND_CATEGORICAL, categories=GRADES, nullable=True
        )
        await known(self._router, elsewhere)
        await self._guarded()

    async def _guarded(self) -> None:
        router = router_pb2.Router(name=f"routers/{self._name}", description="turns away from who drifts")
        for model, weight in ((MODEL, 100.0), (STAND_IN, 0.0)):
            router.variants.add(id=model, model=f"models/{self._prefix}{model}", weight=weight)
        router.weighted.SetInParent()
        condition = f"drift('{self._model}') == 'alert'"
        router.policies.add(name="drifting", condition=condition, variant=STAND_IN)
        create = router_service_pb2.CreateRouterRequest(router=router)
        await self._router.unary(ROUTERS, "CreateRouter")(create, timeout=SECONDS)
        deploy = router_service_pb2.DeployRouterRequest(name=router.name)
        await self._router.unary(ROUTERS, "DeployRouter")(deploy, timeout=SECONDS)

    async def choice(self) -> str:
        """Who the router would ask now."""
        request = inference_service_pb2.ExplainRequest(router=self._name)
        request.input.tabular.numeric_features[JUDGED] = 14.0
        reply = await self._router.unary(INFERENCE, "Explain")(request, timeout=SECONDS)
        return str(reply.decision.variant)

    async def turned(self, before: str, expected: bool) -> bool:
        """Whether it would ask somebody else than before, if that is expected."""
        return not expected or await self.choice() != before

"""RouterService, variants: their weights, and which there are."""

from typing import Any

from turnout.router.v1 import router_service_pb2 as rpc
from turnout.router.v1.router_pb2 import Router

from services.foundation.call import Call
from services.router.config.problems import InvalidConfiguration
from services.router.managing.asked import asked
from services.router.managing.changes import set_weight, set_weights, toggle
from services.router.managing.drafting import Change, Known, router_name
from services.router.managing.membership import add_variant, remove_variant
from services.router.managing.office import Desk


class Variants(Desk):
    """Each method is one change of the stored copy, which makes a new generation."""

    async def UpdateVariantWeight(
        self, request: rpc.UpdateVariantWeightRequest, call: Call
    ) -> rpc.UpdateVariantWeightResponse:
        """One weight, 0 to 100."""
        _given(request, "weight", "a number from 0 to 100")
        made = await self._change(
            request, call, lambda router: set_weight(router, request.variant, request.weight)
        )
        return rpc.UpdateVariantWeightResponse(router=made)

    async def SetWeights(self, request: rpc.SetWeightsRequest, call: Call) -> rpc.SetWeightsResponse:
        """Several weights in one generation."""
        made = await self._change(request, call, lambda router: set_weights(router, dict(request.weights)))
        return rpc.SetWeightsResponse(router=made)

    async def ToggleVariant(self, request: rpc.ToggleVariantRequest, call: Call) -> rpc.ToggleVariantResponse:
        """Enable or disable a variant."""
        _given(request, "enabled", "true or false")
        made = await self._change(
            request, call, lambda router: toggle(router, request.variant, request.enabled)
        )
        return rpc.ToggleVariantResponse(router=made)

    async def AddVariant(self, request: rpc.AddVariantRequest, call: Call) -> rpc.AddVariantResponse:
        """A model more to choose from."""
        if not request.HasField("variant"):
            said = "is required: at least its model"
            raise InvalidConfiguration(f"variant {said}", fields=[("variant", said)])
        known = await self.office.drafts.known([request.variant.model], call.caller)
        made = await self._change(
            request, call, lambda router: add_variant(router, request.variant, known.names), known
        )
        return rpc.AddVariantResponse(router=made, warnings=await self.office.drafts.warnings(made))

    async def RemoveVariant(self, request: rpc.RemoveVariantRequest, call: Call) -> rpc.RemoveVariantResponse:
        """One less; at least two stay enabled."""
        made = await self._change(request, call, lambda router: remove_variant(router, request.variant))
        return rpc.RemoveVariantResponse(router=made)

    async def _change(self, request: Any, call: Call, change: Change, known: Known | None = None) -> Router:
        name = router_name(request.name)
        return (await self.office.drafts.configure(name, change, asked(request, call), known)).message


def _given(request: Any, field: str, right: str) -> None:
    """Raises InvalidConfiguration for a field left out: its zero would be a change that nobody asked for."""
    if not request.HasField(field):
        said = f"is required: {right}"
        raise InvalidConfiguration(f"{field} {said}", fields=[(field, said)])

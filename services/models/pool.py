"""The models that this process calls, by name."""

import os
import random
import time
from collections.abc import Callable, Mapping

from turnout.router.v1.model_pb2 import Model

from services.foundation.telemetry import Telemetry
from services.models.connections import Connections
from services.models.endpoints import Endpoint
from services.models.handle import ModelHandle
from services.models.registration import Registration, compile_model


class ModelPool:
    """Opens a handle per model and shares connections between them. Make it in the loop that uses it.

    Handles are immutable: a changed model gets a new one, and who still holds the old one can finish with it.
    Its connections close when the last holder lets go, so no call in flight is ever broken by a change.
    """

    def __init__(
        self,
        telemetry: Telemetry,
        rng: random.Random,
        *,
        now: Callable[[], float] = time.perf_counter,
        environ: Mapping[str, str] = os.environ,
        apart: bool = False,
    ) -> None:
        """`apart`: share no connection with any other pool of this process."""
        self._telemetry = telemetry
        self._rng = rng
        self._now = now
        self.connections = Connections(environ, apart=apart)
        self._handles: dict[str, ModelHandle] = {}

    def open(self, model: Model) -> ModelHandle:
        """The handle of a model as it is now registered; the same one as before if nothing changed. Raises
        InvalidModel, and then the old handle stays."""
        known = self._handles.get(model.name)
        if known is not None and known.model == model:
            return known
        # Compiled before the old handle is let go: a registration that cannot work changes nothing.
        handle = self._open(compile_model(model))
        self._handles[model.name] = handle
        return handle

    def get(self, name: str) -> ModelHandle | None:
        """The handle of `models/{id}`; None if it is not open."""
        return self._handles.get(name)

    def twin(self, handle: ModelHandle) -> ModelHandle:
        """Another handle of the same model, on this pool's connections and with counts of its own. It is not
        remembered here."""
        return self._open(handle.registration)

    def forget(self, name: str) -> None:
        """Let go of a model that is no longer registered."""
        self._handles.pop(name, None)

    async def close(self, grace: float | None = None) -> None:
        """Close every connection; calls in flight have `grace` seconds."""
        self._handles.clear()
        await self.connections.close(grace)

    def _open(self, registration: Registration) -> ModelHandle:
        model = registration.model
        endpoints = [
            Endpoint(
                address=endpoint.address,
                weight=weight,
                line=registration.wire.connect(self.connections, endpoint.address),
                span_attributes={
                    **registration.wire.span_attributes,
                    "turnout.model": model.name,
                    "server.address": endpoint.address,
                },
            )
            for endpoint in model.endpoints
            # An instance of weight 0 is being drained.
            if (weight := endpoint.weight if endpoint.HasField("weight") else 1.0) > 0
        ]
        return ModelHandle(registration, endpoints, telemetry=self._telemetry, rng=self._rng, now=self._now)

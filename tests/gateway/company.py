"""A telephone company's models, as the specification names them, and a router and an aggregator that know
them, behind a gateway."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from inference.open_inference_pb2 import ModelInferRequest, ModelInferResponse

from services.foundation.server import Server
from services.gateway.contract import read
from services.gateway.door import Door
from services.gateway.settings import GatewaySettings
from tests.fleet import scripted_model
from tests.gateway.curl import Reply, curl
from tests.models.chat_server import ChatServer, chat_server
from tests.router.conftest import Desk
from tests.router.panels import running_panel

MODELS = ("xgb-v2", "xgb-v3", "lgbm-v1", "enterprise-v1", "consumer-v1", "general-v2")
REGISTRATION = {
    "protocol": "PROTOCOL_OIP_GRPC",
    "timeout": "10s",
    "signature": {
        "features": [{"name": "contract_type", "kind": "FEATURE_KIND_CATEGORICAL"}],
        "layout": {"kind": "LAYOUT_KIND_PER_COLUMN"},
        "outputs": {"label": "churn", "probabilities": "odds", "class_order": ["no", "yes"]},
    },
}


async def likely(request: ModelInferRequest) -> ModelInferResponse:
    """Everybody leaves, four times in five."""
    reply = ModelInferResponse(model_name=request.model_name)
    label = reply.outputs.add(name="churn", datatype="BYTES", shape=[1])
    label.contents.bytes_contents.append(b"yes")
    odds = reply.outputs.add(name="odds", datatype="FP64", shape=[1, 2])
    odds.contents.fp64_contents.extend([0.2, 0.8])
    return reply


class Company(NamedTuple):
    """What a test speaks to."""

    url: str
    address: str
    """Of the models."""
    chat: ChatServer
    desk: Desk

    async def post(self, path: str, body: str, *words: str) -> Reply:
        """A body, letter by letter, by curl."""
        return await curl(f"{self.url}{path}", "-H", "content-type: application/json", "-d", body, *words)


@asynccontextmanager
async def company(redis_url: str, folder: Path) -> AsyncIterator[Company]:
    """All of it in this process, but for Envoy."""
    async with AsyncExitStack() as stack:
        desk = await stack.enter_async_context(running_panel(redis_url, folder))
        models = await stack.enter_async_context(scripted_model("churn", likely))
        chat = await stack.enter_async_context(chat_server())
        # Nothing of feedback and drift is asked here.
        settings = GatewaySettings(port=0, router=desk.address, aggregator=desk.address)
        door = Door(settings, read(), died=lambda: None, patience=0.0)
        stack.push_async_callback(door.end)
        beside = Server([], door.behind(), pool=door.pool, described=door.described)
        await beside.start()
        stack.push_async_callback(beside.stop)
        yield Company(await door.open(beside.address), models.address, chat, desk)

"""Asking the router: what a proposal would do, and for changes that only the router may write."""

from typing import Any

from turnout.router.v1 import router_service_pb2 as rpc

from services.foundation.call import Call
from services.foundation.client import Client
from services.foundation.errors import RemoteUnavailable, Unavailable
from services.foundation.fellow import Fellowship
from services.foundation.telemetry import Telemetry

SERVICE = "turnout.router.v1.RouterService"
# A process that died is back within a second or two.
RETRY_SECONDS = 1.0
# How long feedback waits on its own account; then it looks again.
OWN_SECONDS = 5.0
# Two thousand scores of sixty-four variants, and the router as a whole.
MESSAGE_BYTES = 8 * 1024 * 1024


class RouterDoor:
    """A channel to the router, opened when something is first asked. Everything raises RemoteError with what
    the router finds wrong, Unavailable if it cannot be reached."""

    def __init__(self, target: str, fellowship: Fellowship, telemetry: Telemetry | None = None) -> None:
        self._made = target, fellowship, telemetry
        self._client: Client | None = None

    async def score(self, request: rpc.ScoreProposalRequest, call: Call) -> rpc.ScoreProposalResponse:
        """The probabilities of a proposal."""
        reply: rpc.ScoreProposalResponse = await self.ask("ScoreProposal", request, call)
        return reply

    async def update(self, request: rpc.UpdateRouterRequest, call: Call) -> rpc.UpdateRouterResponse:
        """A changed router. With an etag, a change that is sent twice happens once."""
        reply: rpc.UpdateRouterResponse = await self.ask("UpdateRouter", request, call)
        return reply

    async def transition(
        self, request: rpc.TransitionCanaryRequest, call: Call | None
    ) -> rpc.TransitionCanaryResponse:
        """A canary's step, promotion or rollback. It is made once, however often it is asked for."""
        reply: rpc.TransitionCanaryResponse = await self.ask("TransitionCanary", request, call)
        return reply

    async def ask(self, method: str, request: Any, call: Call | None) -> Any:
        """A method of RouterService, for the caller of `call` and within his deadline, or for feedback
        itself."""
        try:
            asked = self._opened().unary(SERVICE, method)
            timeout = call.remaining() if call else OWN_SECONDS
            return await asked(request, timeout=timeout, call=call)
        except RemoteUnavailable as failed:
            if failed.retry_after is not None:
                raise
            raise Unavailable("the router cannot be reached now", retry_after=RETRY_SECONDS) from failed

    def _opened(self) -> Client:
        if self._client is None:
            target, fellowship, telemetry = self._made
            self._client = Client(target, message_bytes=MESSAGE_BYTES, telemetry=telemetry, **fellowship)
        return self._client

    async def close(self) -> None:
        """Close the channel, if there is one."""
        if self._client is not None:
            await self._client.close()

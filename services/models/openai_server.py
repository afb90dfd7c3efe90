"""An OpenAI-compatible server: where its methods are, what it is sent beside a body, and whether it is up."""

import re

from turnout.router.v1.model_pb2 import Model

from services.foundation.tracing import TRACEPARENT
from services.models.answer import CallFailed
from services.models.connections import Connections
from services.models.endpoints import Attributes, Probe
from services.models.http import exchange
from services.models.problems import Problems
from services.models.reach import TOLD, forbidden

ADDRESS = re.compile(r"https?://[^\s/?#@]+(?P<path>/[^\s?#]*)?")


def check_addresses(model: Model, problems: Problems) -> None:
    """What is no address of such a server goes to `problems`."""
    for index, endpoint in enumerate(model.endpoints):
        if not ADDRESS.fullmatch(endpoint.address):
            told = f"http://host:port/v1 or https://… expected, got '{endpoint.address}'"
            problems.add(f"model.endpoints[{index}].address", told)
        elif forbidden(endpoint.address):
            problems.add(f"model.endpoints[{index}].address", TOLD)


def served_name(model: Model) -> str:
    """The name that the server knows a model by."""
    return model.served_name or model.name.removeprefix("models/")


def attributes(model: Model, operation: str) -> Attributes:
    """What its spans say (OpenTelemetry semantic conventions, `gen_ai`)."""
    return {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": model.provider,
        "gen_ai.request.model": served_name(model),
    }


class Server:
    """One instance, as a model's registration wants it asked."""

    def __init__(self, model: Model, connections: Connections, address: str) -> None:
        match = ADDRESS.fullmatch(address)
        bare = address.rstrip("/")
        self._base = bare if match and (match["path"] or "/") != "/" else f"{bare}/v1"
        self._secret = model.secret_ref.removeprefix("env:")
        self._connections = connections

    def url(self, method: str) -> str:
        """Where a method is, such as `chat/completions`."""
        return f"{self._base}/{method}"

    def headers(self, trace: str) -> dict[str, str]:
        """Of a body of JSON. Raises CallFailed where the model's secret is not to be had."""
        return self._credentials() | {TRACEPARENT: trace, "Content-Type": "application/json"}

    async def post(self, method: str, body: bytes, seconds: float, trace: str) -> bytes:
        """The body of a 200. Raises CallFailed."""
        return await exchange(self._connections, "POST", self.url(method), body, self.headers(trace), seconds)

    async def probe(self, seconds: float) -> Probe:
        """Ready if it lists its models. Raises CallFailed."""
        try:
            await exchange(self._connections, "GET", self.url("models"), None, self._credentials(), seconds)
        except CallFailed as failed:
            # Some servers answer and do not list their models; that they say so shows they are up.
            if failed.code not in ("NOT_FOUND", "UNIMPLEMENTED"):
                raise
        return Probe(True)

    def _credentials(self) -> dict[str, str]:
        # Uncompressed, so that the limit on a reply's size holds for what is read into memory.
        headers = {"Accept-Encoding": "identity"}
        if self._secret:
            # Looked up per call: a secret that is rotated in place is used at once.
            secret = self._connections.environ.get(self._secret)
            if not secret:
                told = f"the environment variable {self._secret} of its secret_ref is not set"
                raise CallFailed("FAILED", "FAILED_PRECONDITION", told)
            headers["Authorization"] = f"Bearer {secret}"
        return headers

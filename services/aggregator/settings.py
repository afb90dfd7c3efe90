"""What the aggregator can be told, beside what every process can be told."""

from pydantic import Field

from services.foundation.settings import Settings


class AggregatorSettings(Settings):
    """Settings of an aggregator process."""

    port: int = Field(50052, ge=0, le=65535)
    """Port to listen on; 0 picks a free one."""
    metrics_port: int = Field(9102, ge=0, le=65535)
    """Port of the first worker's Prometheus page; 0 and further workers pick a free one."""
    redis_url: str = "redis://127.0.0.1:6379/0"
    """Where the shared state lives."""
    catalog_seconds: float = Field(5.0, gt=0)
    """How long a start waits for Redis to tell which models there are, before it serves without them."""

"""What feedback can be told, beside what every process can be told."""

from pydantic import Field

from services.foundation.settings import Settings
from services.state.parked import MOST_ITEMS


class FeedbackSettings(Settings):
    """Settings of a feedback process."""

    port: int = Field(50053, ge=0, le=65535)
    """Port to listen on; 0 picks a free one."""
    metrics_port: int = Field(9103, ge=0, le=65535)
    """Port of the first worker's Prometheus page; 0 and further workers pick a free one."""
    redis_url: str = "redis://127.0.0.1:6379/0"
    """Where the shared state lives."""
    router: str = "127.0.0.1:50051"
    """Where the router answers, as host:port or a grpc URI: it alone writes configurations."""
    publish_seconds: float = Field(0.05, gt=0)
    """How long an allocation may wait for further rewards before it is published."""
    parked_items: int = Field(MOST_ITEMS, ge=1)
    """Most feedback per partition that waits for its prediction's record."""

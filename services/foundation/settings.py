"""What every process can be told, typed and explained; `configuration.load` gathers the values."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field
from pydantic_settings import PydanticBaseSettingsSource, SettingsConfigDict

from services.foundation.access_settings import AccessSettings


class Settings(AccessSettings):
    """What every process can be told. In the environment: TURNOUT_<KEY> for all processes,
    TURNOUT_<PROCESS>_<KEY> for one; in the file: `key:` at the top for all, under `<process>:` for one. The
    more special wins; environment wins over file. What a service declares for itself (its port, say) is set
    in its own section only."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True)

    ALSO_KNOWN_AS: ClassVar[Mapping[str, str]] = {"otlp_endpoint": "OTEL_EXPORTER_OTLP_ENDPOINT"}
    """Settings that a variable of another's convention gives a value where ours do not. Subclasses may add to
    it."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = Field(0, ge=0, le=65535)
    """Port to listen on; 0 picks a free one."""
    expose: bool = False
    """Allow an address other than loopback although access_mode is open: whoever reaches it may do
    everything."""
    workers: int = Field(1, ge=1, le=256)
    """Processes that share the port; one per core is plenty."""
    message_bytes: int = Field(4 * 1024 * 1024, ge=1024, le=256 * 1024 * 1024)
    """Largest message in either direction; larger ones are refused as TOO_LARGE (from four times as large on,
    by the transport, which gives no reason)."""
    default_deadline_seconds: float = Field(30.0, gt=0)
    """Deadline of calls whose client set none."""
    stream_deadline_seconds: float = Field(3600.0, gt=0)
    """The same for calls with a stream, of replies or of requests."""
    concurrency: int = Field(1000, ge=1)
    """Calls in flight per worker; beyond that they are refused with RESOURCE_EXHAUSTED and a time to
    retry."""
    method_concurrency: int = Field(800, ge=1)
    """The same per method, so that one method cannot take all the room."""
    method_limits: dict[str, int] = Field(default_factory=dict)
    """Exceptions to method_concurrency, by full method name (package.Service/Method)."""
    shed_retry_seconds: float = Field(0.25, gt=0)
    """About how long a refused caller is told to wait."""
    drain_notice_seconds: float = Field(0.0, ge=0)
    """How long health says NOT_SERVING before connections close; at least the probe period behind a load
    balancer."""
    drain_seconds: float = Field(5.0, gt=0)
    """How long calls in flight may finish after the notice."""
    flush_seconds: float = Field(5.0, gt=0)
    """How long each flush of a drain may take."""
    connection_age_seconds: float = Field(1800.0, gt=0)
    """Age at which a connection is closed in good order, so that clients find new workers."""
    metrics_host: str = "127.0.0.1"
    """Address of the Prometheus page."""
    metrics_port: int = Field(0, ge=0, le=65535)
    """Port of the first worker's Prometheus page; 0 and further workers pick a free one."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Least severe log lines to write."""
    log_format: Literal["auto", "json", "console"] = "auto"
    """json, console, or auto: console on a terminal."""
    otlp_endpoint: str | None = None
    """Where spans go by OTLP over gRPC (http://host:4317); without it none are recorded."""
    trace_ratio: float = Field(0.1, ge=0, le=1)
    """Share of traces recorded where the caller has not decided."""

    @classmethod
    def settings_customise_sources(cls, *_: Any, **sources: Any) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load` gathered: settings made in code must not depend on the environment."""
        return (sources["init_settings"],)

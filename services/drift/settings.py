"""What drift can be told, beside what every process can be told."""

from typing import Literal

from pydantic import Field

from services.foundation.settings import Settings


class DriftSettings(Settings):
    """Settings of a drift process."""

    port: int = Field(50054, ge=0, le=65535)
    """Port to listen on; 0 picks a free one."""
    metrics_port: int = Field(9104, ge=0, le=65535)
    """Port of the first worker's Prometheus page; 0 and further workers pick a free one."""
    redis_url: str = "redis://127.0.0.1:6379/0"
    """Where the shared state lives."""
    label_settle_seconds: float = Field(3600.0, ge=0, le=30 * 86_400)
    """How long after the first label, or reward, of a minute's predictions the others may come, before
    detectors see them: at least what slow ones take longer than fast ones."""
    look_settle_seconds: float = Field(30.0, ge=0, le=3600)
    """How long after its end a scheduled look is made: what is logged later than this is not part of it."""
    webhook_reach: Literal["public", "private", "any"] = "private"
    """Where webhooks of alerts may lead: to public addresses alone; to private ones and this machine too; or
    anywhere, also to link-local addresses, where clouds hand out credentials."""

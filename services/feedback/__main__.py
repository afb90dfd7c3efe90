"""`python -m services.feedback`: wiring only."""

import sys
import time
from collections.abc import Sequence

from services.feedback.assembly import assemble
from services.feedback.settings import FeedbackSettings
from services.foundation.handlers import Servicer
from services.foundation.process import run_service
from services.foundation.runtime import Runtime
from services.state.connection import connect
from services.state.guarding import guarded
from services.state.pulse import watch_redis


async def build(settings: FeedbackSettings, runtime: Runtime) -> Sequence[Servicer]:
    """What a feedback process is made of. Returns once the catalog has been read."""
    connections = connect(settings.redis_url)
    runtime.on_close(connections.close)
    watch_redis(runtime, connections)
    parts = assemble(connections, settings, runtime.metrics, runtime.rng, time.time, runtime.telemetry)
    runtime.on_close(parts.router.close)
    parts.servicer.intaking.permissions = guarded(settings, runtime, connections, parts.follower)
    tasks = [runtime.spawn(work(), name) for name, work in parts.works.items()]
    runtime.on_drain(lambda: parts.hand_over(tasks))
    await parts.follower.ready.wait()
    return [parts.servicer]


if __name__ == "__main__":
    sys.exit(run_service("feedback", FeedbackSettings, build))

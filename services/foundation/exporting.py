"""Where spans go: over OTLP, in batches."""

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON


def provider(service: str, endpoint: str) -> TracerProvider:
    """Exports every span that it is given to `endpoint`, in the clear unless that is https://."""
    # Not registered globally: several servers live in one process in tests, each with its own.
    made = TracerProvider(
        sampler=ALWAYS_ON, resource=Resource.create({"service.name": service}), shutdown_on_exit=False
    )
    insecure = not endpoint.startswith("https://")
    made.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint, insecure=insecure)))
    return made

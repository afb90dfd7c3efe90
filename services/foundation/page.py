"""The Prometheus page of one process."""

from prometheus_client import CollectorRegistry, start_http_server


class MetricsPage:
    """Serves `registry` at http://host:port/metrics from a thread of its own; port 0 picks a free one."""

    def __init__(self, registry: CollectorRegistry, host: str, port: int) -> None:
        self._server, self._thread = start_http_server(port, host, registry)
        self.url = f"http://{host}:{self._server.server_port}/metrics"

    def close(self) -> None:
        """Stop serving. Blocks for up to half a second: call it from a thread."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

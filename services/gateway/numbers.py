"""Envoy's numbers on our own Prometheus page."""

from collections.abc import Callable, Iterable
from urllib.error import URLError
from urllib.request import urlopen

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from services.foundation.logs import log

SECONDS = 2.0


class EnvoyNumbers(Collector):
    """Asks Envoy when the page is asked, in the page's own thread. `admin` is the URL of its admin page,
    empty before it runs."""

    def __init__(self, admin: Callable[[], str]) -> None:
        self._admin = admin

    def describe(self) -> Iterable[Metric]:
        """Nothing beforehand: what there is depends on what was called."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """What has been counted since its start."""
        if not (admin := self._admin()):
            return ()
        try:
            with urlopen(f"{admin}/stats/prometheus?usedonly", timeout=SECONDS) as page:  # noqa: S310
                return list(text_string_to_metric_families(page.read().decode()))
        except (URLError, OSError) as failed:
            log.warning("Envoy does not tell its numbers", why=str(failed))
            return ()

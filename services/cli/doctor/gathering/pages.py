"""Metrics pages, and what a clock beside them says."""

import asyncio
import time
from email.utils import parsedate_to_datetime
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from services.cli.doctor.facts import Page, Sample

SECONDS = 3.0
# Of thousands of numbers only these are looked at.
WANTED = (
    "turnout_events_",
    "turnout_consumer_",
    "turnout_partitions_",
    "turnout_background_",
    "turnout_unexp",
)


async def read(service: str, url: str) -> Page:
    """What a page says; `trouble` where it says nothing."""
    try:
        return await asyncio.to_thread(_read, service, url)
    except (OSError, ValueError) as failed:
        return Page(service, url, trouble=str(failed))


def _read(service: str, url: str) -> Page:
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"{url!r} is no http URL")
    before = time.time()
    with urlopen(url, timeout=SECONDS) as reply:  # noqa: S310 - http, as said above
        text, date = reply.read().decode(), reply.headers.get("Date")
    middle = (before + time.time()) / 2
    samples = [
        Sample(one.name, one.labels, one.value)
        for family in text_string_to_metric_families(text)
        for one in family.samples
        if one.name.startswith(WANTED)
    ]
    # The page's clock is cut to its second, half of which it is ahead of what it says.
    ahead = parsedate_to_datetime(date).timestamp() + 0.5 - middle if date else None
    return Page(service, url, samples, ahead)

"""One POST to one webhook: what became of it, in words that give no secret away."""

import asyncio
import time
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import urlsplit

import aiohttp
from turnout.drift.v1.alert_config_pb2 import Webhook
from turnout.drift.v1.alert_pb2 import Alert

from services.drift.alerts.addresses import Reach, WebhookResolver, problem
from services.drift.alerts.payload import payload
from services.drift.alerts.signing import HEADER, sign
from services.models.http import in_words, wanted_wait
from services.models.reach import ForbiddenAddressError

# Who has not taken a note in ten seconds will not soon; the next attempt finds out.
SECONDS = 10.0
# Of an answer only the beginning is read, for the error message; the rest is left where it is.
MOST_READ = 4_096
LONGEST_TOLD = 200
# A client error is ours: the same again is refused again. These are about the moment.
PASSING = frozenset((408, 409, 423, 425, 429))


class Outcome(NamedTuple):
    """delivered: with a status of 200 to 299. passing: whether it is worth trying again; wait: after so many
    seconds at least. status: 0 without an answer; seconds: how long it took."""

    delivered: bool
    status: int
    seconds: float
    error: str = ""
    passing: bool = False
    wait: float = 0.0


class Sender:
    """Sends from one HTTP session, opened on first use. `now` is in seconds since 1970."""

    def __init__(self, now: Callable[[], float], reach: Reach = "private", seconds: float = SECONDS) -> None:
        self._now = now
        self._reach = reach
        self._seconds = seconds
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the session."""
        if self._session is not None:
            await self._session.close()

    async def send(self, webhook: Webhook, event: str, id_: str, alert: Alert) -> Outcome:
        """Tell a webhook of an event; `id_` is the same in every attempt. Raises nothing but cancellation."""
        begun = time.perf_counter()
        if wrong := problem(webhook.url, self._reach):
            return Outcome(False, 0, 0.0, f"the url {wrong}")
        body = payload(webhook.format, event, id_, alert)
        try:
            async with asyncio.timeout(self._seconds):
                status, error, wait = await self._post(
                    webhook, body, self._headers(webhook, event, id_, body)
                )
        except TimeoutError:
            said = f"no answer within {self._seconds:.3g} s"
            return Outcome(False, 0, time.perf_counter() - begun, said, passing=True)
        except (aiohttp.ClientError, OSError, ValueError) as failed:
            taken = time.perf_counter() - begun
            forbidden = _forbidden(failed)
            if forbidden:
                return Outcome(False, 0, taken, f"{urlsplit(webhook.url).hostname} {forbidden}")
            return Outcome(False, 0, taken, in_words(failed), passing=True)
        passing = status >= 500 or status in PASSING
        return Outcome(200 <= status < 300, status, time.perf_counter() - begun, error, passing, wait)

    def _headers(self, webhook: Webhook, event: str, id_: str, body: bytes) -> dict[str, str]:
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Turnout",
            "Idempotency-Key": id_,
            "Turnout-Event": event,
            **webhook.headers,
        }
        if webhook.secret:
            headers[HEADER] = sign(webhook.secret.encode(), body, int(self._now()))
        return headers

    async def _post(self, webhook: Webhook, body: bytes, headers: dict[str, str]) -> tuple[int, str, float]:
        # Redirects could lead to where the url may not.
        async with self._opened().post(
            webhook.url, data=body, headers=headers, allow_redirects=False
        ) as answer:
            said = await answer.content.read(MOST_READ)
            if not answer.content.at_eof():
                # The rest of a huge answer is not waited for: the connection goes with it.
                answer.close()
            return answer.status, _refused(answer.status, said), wanted_wait(answer.headers) or 0.0

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                resolver=WebhookResolver(self._reach), limit=64, limit_per_host=4, use_dns_cache=False
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                timeout=aiohttp.ClientTimeout(total=None),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session


def _refused(status: int, said: bytes) -> str:
    if 200 <= status < 300:
        return ""
    if 300 <= status < 400:
        return f"HTTP {status}: redirects are not followed; write the address that it leads to"
    words = " ".join(said.decode(errors="replace").split())
    told = "".join(character for character in words if character.isprintable())[:LONGEST_TOLD]
    return f"HTTP {status}: {told}" if told else f"HTTP {status}"


def _forbidden(failed: BaseException) -> str:
    """Why the address is refused, if that is what failed; aiohttp wraps it."""
    cause: BaseException | None = failed
    while cause is not None:
        if isinstance(cause, ForbiddenAddressError):
            return str(cause)
        cause = cause.__cause__ or getattr(cause, "os_error", None)
    return ""

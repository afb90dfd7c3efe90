"""The door of one method where access is enforced: who calls, and may he?

It stands around the servicer's method, inside the chain: what it refuses has its status, ids and metrics like
everything else, and a full server sheds before it checks signatures. Where access is open no method has one.
"""

from collections.abc import AsyncIterator
from contextlib import aclosing
from functools import partial
from typing import Any

from services.foundation.access import Access
from services.foundation.call import HEADERS
from services.foundation.chain import Behaviour, Implementation
from services.foundation.contract import Method, Parse
from services.foundation.errors import PermissionDenied
from services.foundation.identity.authenticator import CERTIFICATE, THROUGH, Headers
from services.foundation.identity.caller import Caller
from services.foundation.identity.errors import NoCredentials
from services.foundation.rules import Role, Rule

WAYS = "an API key or a token in authorization (Bearer), a key in x-api-key"
DIRECT, BY_WAY = ", or a client certificate", "; the gateway passes no certificate on"


class Guard:
    """Made once per method: what it needs of the descriptor is read by then."""

    def __init__(self, method: Method, rule: Rule, access: Access) -> None:
        self._method = method.full_name
        self.replies = method.server_streaming
        self.uploads = method.client_streaming
        self.kept = access.streams.kept
        self._role = rule.role
        self._identify = access.authenticator.identify
        self._check = access.permissions.check_of(method.full_name, rule) if rule.resource else None
        self.reads = self._check is not None

    async def admit(self, call: Any) -> None:
        """Find out who calls, and refuse whom no resource could help. Raises Unauthenticated,
        PermissionDenied."""
        # Until it is known who calls, he is nobody, whatever becomes of this call.
        peer = call.caller.peer
        call.caller = Caller("", peer)
        headers = HEADERS.get()
        call.caller = await self._identify(headers, peer)
        self._let_in(call.caller, headers)

    async def again(self, headers: Headers, request: Any, call: Any) -> None:
        """The same for a stream in the middle of it, and whether its resource is still for the caller."""
        caller = call.caller
        # The connection that a certificate stands for was verified when it was made.
        if caller.method != "mtls":
            caller = await self._identify(headers, caller.peer)
        self._let_in(caller, headers)
        await self._allow(request, caller)

    def _let_in(self, caller: Caller, headers: Headers) -> None:
        if caller.admin or self._role is Role.ANYONE:
            return
        if not caller.name:
            ways = WAYS + (BY_WAY if any(name == THROUGH for name, _ in headers) else DIRECT)
            raise NoCredentials(f"{self._method} wants to know who calls: give {ways}", method=self._method)
        if self._role in (Role.UNSPECIFIED, Role.ADMIN):
            raise PermissionDenied(
                f"{self._method} is for administrators", method=self._method, needed=Role.ADMIN.told
            )

    async def allow(self, request: Any, call: Any) -> None:
        """Refuse whom the resource is not for. Raises NotFound, PermissionDenied."""
        await self._allow(request, call.caller)

    async def _allow(self, request: Any, caller: Caller) -> None:
        if self._check is None or caller.admin:
            return
        pending = self._check(caller, request)
        if pending is not None:
            await pending


def with_certificate(behaviour: Behaviour) -> Behaviour:
    """A method's chain, with what the connection says of its peer at hand for `Guard.admit`."""

    async def serve(request: Any, context: Any) -> Any:
        CERTIFICATE.set(context.auth_context())
        return await behaviour(request, context)

    return serve


def behind(guard: Guard, implement: Implementation, take: Parse, read: Parse) -> Implementation:
    """The method behind its guard. `take`: from what the transport has to what the method takes; `read`: from
    there to a message."""

    async def enter(raw: Any, call: Any) -> tuple[Any, Any]:
        await guard.admit(call)
        request = take(raw)
        asked = read(request) if guard.reads else request
        await guard.allow(asked, call)
        return request, partial(guard.again, HEADERS.get(), asked, call)

    async def reply_once(raw: Any, call: Any) -> Any:
        await guard.admit(call)
        request = take(raw)
        await guard.allow(read(request) if guard.reads else request, call)
        return await implement(request, call)

    async def reply_to_stream(raw: Any, call: Any) -> Any:
        request, again = await enter(raw, call)
        with guard.kept(call, again):
            return await implement(request, call)

    async def reply_many(raw: Any, call: Any) -> AsyncIterator[Any]:
        request, again = await enter(raw, call)
        with guard.kept(call, again):
            async with aclosing(implement(request, call)) as replies:
                async for reply in replies:
                    yield reply

    if guard.replies:
        return reply_many
    return reply_to_stream if guard.uploads else reply_once

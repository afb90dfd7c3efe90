"""AccessService: keys for callers, and who the caller is."""

from collections.abc import Callable, Mapping

from turnout.router.v1 import access_service_pb2 as rpc

from services.foundation.call import Call
from services.foundation.errors import InvalidArgument, NotFound, PermissionDenied
from services.foundation.identity.api_keys import mint
from services.foundation.identity.caller import NAME_RULE, SOUND_NAME, Caller
from services.state import pages
from services.state.api_keys import ApiKeyStore, StoredKey
from services.state.audit import Author
from services.state.moments import moment

PAGE = 50
LONGEST_DESCRIPTION = 256


class ApiKeyNotFound(NotFound):
    """No such key, or none that the caller may see."""

    reason = "API_KEY_NOT_FOUND"


class BadApiKey(InvalidArgument):
    """A key that cannot be made as it is asked for."""


class AccessService:
    """Callers see and make keys for themselves, administrators for everybody. `now` is in seconds since
    1970."""

    SERVICE = "turnout.router.v1.AccessService"

    def __init__(self, keys: ApiKeyStore, now: Callable[[], float]) -> None:
        self._keys = keys
        self._now = now

    async def CreateApiKey(self, request: rpc.CreateApiKeyRequest, call: Call) -> rpc.CreateApiKeyResponse:
        """Draw a secret, keep its digest, and show it this once."""
        caller = call.caller
        _check(request)
        if not caller.admin and (request.admin or request.user != caller.name):
            raise PermissionDenied(
                "keys for others, and for administrators, are made by administrators", needed="admin"
            )
        key_id, secret, digest = mint()
        made = StoredKey(
            key_id,
            request.user,
            digest.hex(),
            self._now(),
            self._expiry(request, caller),
            request.admin,
            request.description,
            caller.name,
        )
        await self._keys.create(made, _author("CreateApiKey", call))
        return rpc.CreateApiKeyResponse(key=_shown(made), secret=secret)

    async def ListApiKeys(self, request: rpc.ListApiKeysRequest, call: Call) -> rpc.ListApiKeysResponse:
        """A page by id."""
        caller, size = call.caller, pages.size(request.page_size, PAGE)
        filters = f"api keys {'' if caller.admin else caller.name}"
        last = pages.unseal(filters, request.page_token)
        own = _own(await self._keys.all(), caller)
        rest = [key for key in own if key.id > last]
        token = pages.seal(filters, rest[size - 1].id) if len(rest) > size else ""
        return rpc.ListApiKeysResponse(keys=map(_shown, rest[:size]), next_page_token=token)

    async def RevokeApiKey(self, request: rpc.RevokeApiKeyRequest, call: Call) -> rpc.RevokeApiKeyResponse:
        """Forget a key: who has it is refused from now on."""
        if not request.id:
            raise _wrong("id", "is required; ListApiKeys shows it")
        key = await self._keys.read(request.id)
        if key is None or not _own({key.id: key}, call.caller):
            raise ApiKeyNotFound(f"there is no API key {request.id[:64]!r}", id=request.id[:64])
        # That it is gone by now is what was wanted.
        await self._keys.revoke(key.id, _author("RevokeApiKey", call))
        return rpc.RevokeApiKeyResponse()

    async def WhoAmI(self, request: rpc.WhoAmIRequest, call: Call) -> rpc.WhoAmIResponse:
        """What the caller's credentials said."""
        caller = call.caller
        roles = [*(["caller"] if caller.name or caller.admin else []), *(["admin"] if caller.admin else [])]
        return rpc.WhoAmIResponse(user=caller.name, roles=roles, method=caller.method)

    def _expiry(self, request: rpc.CreateApiKeyRequest, caller: Caller) -> float:
        """When the key expires, 0 for never: in the future, and not after the key that it is made with, or a
        stolen key could outlive its end."""
        wanted = moment(request.expire_time, "expire_time") if request.HasField("expire_time") else 0.0
        if request.HasField("expire_time") and wanted <= self._now():
            raise _wrong("expire_time", "a time in the future")
        if caller.until == float("inf"):
            return wanted
        return min(wanted or caller.until, caller.until)


def _own(keys: Mapping[str, StoredKey], caller: Caller) -> list[StoredKey]:
    mine = (caller.name,) if caller.name else ()
    return [key for key in keys.values() if caller.admin or key.user in mine or key.created_by in mine]


def _check(request: rpc.CreateApiKeyRequest) -> None:
    if not SOUND_NAME.fullmatch(request.user):
        raise _wrong("user", f"{NAME_RULE}, got {request.user[:64]!r}")
    if len(request.description) > LONGEST_DESCRIPTION:
        raise _wrong(
            "description", f"at most {LONGEST_DESCRIPTION} characters, got {len(request.description)}"
        )


def _wrong(field: str, description: str) -> BadApiKey:
    return BadApiKey(f"{field}: {description}", fields=[(field, description)])


def _author(method: str, call: Call) -> Author:
    return Author(call.caller.name, method, call.request_id)


def _shown(key: StoredKey) -> rpc.ApiKey:
    shown = rpc.ApiKey(
        id=key.id, user=key.user, admin=key.admin, description=key.description, created_by=key.created_by
    )
    shown.create_time.FromNanoseconds(int(key.created * 1e9))
    if key.expires:
        shown.expire_time.FromNanoseconds(int(key.expires * 1e9))
    return shown

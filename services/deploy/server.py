"""The API server, asked with the official client: the only file that knows it.

The client brings configuration, credentials and TLS; paths and objects are ours, since generated classes know
neither routes nor server-side apply, and would lose fields that are newer than they.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from importlib import import_module
from typing import Any

import aiohttp
from yaml import YAMLError

from services.deploy.errors import ApiError, Gone, Missing, Refused, TargetUnavailable, Trouble
from services.deploy.kinds import Kind
from services.deploy.labels import MANAGER

Object = dict[str, Any]

IN_CLUSTER = "in-cluster"
# No answer of an API server that is well takes longer; one that is not is asked again.
REQUEST_SECONDS = 30.0
CONNECT_SECONDS = 10.0
# Servers end watches by themselves after some time; asked for, so that ours end when we say.
WATCH_SECONDS = 300
PAGE = 500
APPLY, MERGE = "application/apply-patch+yaml", "application/merge-patch+json"
LONGEST_SAID = 500
TRANSPORT = (aiohttp.ClientError, TimeoutError, OSError)


class ApiServer:
    """One API server, with the credentials of a kubeconfig or of the pod. Every method raises Refused,
    Missing or Trouble."""

    def __init__(self, client: Any) -> None:
        """`client`: an ApiClient of kubernetes.aio."""
        self._client = client

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def read(self, kind: Kind, namespace: str, name: str) -> Object | None:
        """An object, or None."""
        try:
            return await self._ask("GET", kind.path(namespace, name))
        except Missing:
            return None

    async def apply(self, kind: Kind, made: Object) -> Object:
        """Server-side apply, by force: the fields that we name are ours, and nothing else of the object is.
        Returns the object as it now is."""
        where = kind.path(made["metadata"]["namespace"], made["metadata"]["name"])
        return await self._ask("PATCH", where, {"fieldManager": MANAGER, "force": "true"}, made, APPLY)

    async def scale(self, kind: Kind, namespace: str, name: str, replicas: int) -> None:
        """Set the number of replicas, once: whoever scales after us owns it."""
        where = f"{kind.path(namespace, name)}/scale"
        await self._ask("PATCH", where, {"fieldManager": MANAGER}, {"spec": {"replicas": replicas}}, MERGE)

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str) -> None:
        """Delete this very object, and not one that has its name since; what is gone is gone."""
        options = {"preconditions": {"uid": uid}, "propagationPolicy": "Background"}
        try:
            await self._ask("DELETE", kind.path(namespace, name), body=options)
        except Missing:
            return

    async def list(self, kind: Kind, namespace: str, labels: str) -> tuple[list[Object], str]:
        """All objects with these labels, and the version of the list, to watch from. Raises Gone if reading
        all pages took too long."""
        found: list[Object] = []
        query = {"labelSelector": labels, "limit": str(PAGE)}
        while True:
            page = await self._ask("GET", kind.path(namespace), query)
            # Items of a list do not say what they are.
            found += [{"apiVersion": kind.api, "kind": kind.name, **one} for one in page["items"]]
            if not (more := page["metadata"].get("continue")):
                return found, page["metadata"]["resourceVersion"]
            query["continue"] = more

    async def watch(
        self, kind: Kind, namespace: str, labels: str, since: str
    ) -> AsyncGenerator[Object, None]:
        """Events after a version, until the server ends the stream. Raises Gone for a version that is too
        old."""
        query = {
            "labelSelector": labels,
            "resourceVersion": since,
            "watch": "true",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        patience = aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS, sock_read=WATCH_SECONDS + 30)
        reply = await self._send("GET", kind.path(namespace), query, None, None, patience)
        try:
            async for line in reply.response.content:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise _error(event["object"].get("code", 500), event["object"], None)
                yield event
        except TRANSPORT as error:
            raise Trouble(f"the watch broke: {error}") from error
        finally:
            reply.response.close()

    async def _ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Object | None = None,
        media: str = "application/json",
    ) -> Object:
        patience = aiohttp.ClientTimeout(total=REQUEST_SECONDS, connect=CONNECT_SECONDS)
        reply = await self._send(method, path, query or {}, body, media, patience)
        try:
            answer: Object = json.loads(await reply.read())
        except (*TRANSPORT, ValueError) as error:
            raise Trouble(f"the API server's answer broke off: {error}") from error
        return answer

    async def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Object | None,
        media: str | None,
        patience: aiohttp.ClientTimeout,
    ) -> Any:
        headers = {"Accept": "application/json"} | ({"Content-Type": media} if media else {})
        try:
            request = await self._client.param_serialize(
                method,
                path,
                query_params=list(query.items()),
                header_params=headers,
                body=body,
                auth_settings=["BearerToken"],
            )
        except Exception as error:
            # Tokens are renewed here, from files and by whatever programs a kubeconfig names.
            raise Trouble(f"the credentials cannot be renewed: {type(error).__name__}") from error
        try:
            reply = await self._client.call_api(*request, _request_timeout=patience)
            if not 200 <= reply.status <= 299:
                raise _error(reply.status, _status(await reply.read()), reply.headers.get("Retry-After"))
        except TRANSPORT as error:
            said = str(error) or type(error).__name__
            raise Trouble(f"the API server cannot be reached: {said}") from error
        return reply


def _status(body: bytes) -> Object:
    try:
        said = json.loads(body)
    except ValueError:
        said = body.decode(errors="replace")
    return said if isinstance(said, dict) else {"message": str(said)}


def _error(code: int, said: Mapping[str, Any], retry_after: str | None) -> ApiError:
    """What a status of the API server means to us."""
    why = str(said.get("message") or said.get("reason") or "")
    told = f"the API server answered {code}: {why[:LONGEST_SAID]}"
    if code == 410:
        return Gone(told)
    if code == 404:
        return Missing(told)
    if code in (408, 409, 429) or code >= 500:
        asked = (said.get("details") or {}).get("retryAfterSeconds")
        return Trouble(told, _seconds(retry_after) or asked)
    return Refused(told)


def _seconds(header: str | None) -> float | None:
    # A date is what proxies may send; the server itself sends seconds.
    return float(header) if header is not None and header.isdecimal() else None


async def connect(where: str) -> ApiServer:
    """An API server by a kubeconfig's path, or by what every pod is told (`in-cluster`).

    Raises TargetUnavailable without the client, or where there is no such configuration.
    """
    try:
        # A second of CPU, off the loop: predictions go on meanwhile.
        client, config = await asyncio.to_thread(_modules)
    except ModuleNotFoundError as missing:
        said = f"the Kubernetes client is not installed ({missing.name}): install turnout[kubernetes]"
        raise TargetUnavailable(said) from missing
    told = client.Configuration()
    try:
        if where == IN_CLUSTER:
            config.load_incluster_config(client_configuration=told)
        else:
            await config.load_kube_config(config_file=where, client_configuration=told, persist_config=False)
    except (config.ConfigException, YAMLError, OSError, ValueError, TypeError, LookupError) as wrong:
        said = f"kube_config = {where!r} does not lead to an API server: {wrong}"
        raise TargetUnavailable(said) from wrong
    return ApiServer(client.ApiClient(configuration=told))


def _modules() -> Sequence[Any]:
    return [import_module("kubernetes.aio.client"), import_module("kubernetes.aio.config")]

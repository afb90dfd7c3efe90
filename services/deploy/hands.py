"""What is done to the objects of a router. Each act can be repeated, also after it broke off half-way."""

from services.deploy.cluster import Cluster, Workload
from services.deploy.errors import Missing, Refused
from services.deploy.kinds import KINDS, Kind
from services.deploy.labels import UID, object_name, ours, query, suite_labels
from services.deploy.manifests import MAKERS, Manifest, manifests
from services.deploy.server import ApiServer, Object

DEPLOYMENT = KINDS["Deployment"]


class Hands:
    """Acts on one cluster. Raises what `ApiServer` raises."""

    def __init__(self, server: ApiServer, cluster: Cluster) -> None:
        self._server = server
        self._cluster = cluster
        # Names that were seen to be ours, or nobody's.
        self._ours: set[tuple[str, str]] = set()

    async def apply(self, workload: Workload) -> Object:
        """Bring every object to what is wished. Returns the Deployment. Raises Refused over what is
        another's."""
        applied: Object = {}
        for made in manifests(workload, self._cluster):
            kind = KINDS[made["kind"]]
            try:
                await self._refuse_others(kind, made)
                applied = await self._server.apply(kind, made)
            except Missing as missing:
                hint = "; is the Gateway API installed?" if kind.name == "GRPCRoute" else ""
                raise Refused(f"{kind.name}: {missing}{hint}") from missing
            except Refused as refused:
                raise Refused(f"{kind.name}: {refused}") from refused
        return applied

    async def scale(self, workload: Workload, replicas: int) -> Object | None:
        """Set the number of pods. Returns the Deployment, None if it is gone."""
        name = object_name(self._cluster, workload.id)
        await self._server.scale(DEPLOYMENT, self._cluster.namespace, name, replicas)
        return await self._server.read(DEPLOYMENT, self._cluster.namespace, name)

    async def remove(self, uid: str) -> None:
        """Remove everything that carries our labels and the router's uid, the Deployment last."""
        labels = query({**suite_labels(self._cluster), UID: uid})
        # As they were applied: the Deployment is the last, and what is left of a removal is found by it.
        for kind in map(KINDS.__getitem__, MAKERS):
            try:
                found, _ = await self._server.list(kind, self._cluster.namespace, labels)
            except Refused as refused:
                # Nobody without a gateway has to be allowed to see routes, or to have their kind.
                if kind.name != "GRPCRoute" or (self._cluster.gateway and not isinstance(refused, Missing)):
                    raise
                continue
            for one in found:
                meta = one["metadata"]
                self._ours.discard((kind.name, meta["name"]))
                await self._server.delete(kind, self._cluster.namespace, meta["name"], meta["uid"])

    async def _refuse_others(self, kind: Kind, made: Manifest) -> None:
        """Apply takes fields from whoever has them: not from what somebody else made under the same name."""
        name, namespace = made["metadata"]["name"], made["metadata"]["namespace"]
        if (kind.name, name) in self._ours:
            return
        there = await self._server.read(kind, namespace, name)
        if there is not None and not ours(self._cluster, there["metadata"].get("labels") or {}):
            raise Refused(
                f"{name} exists in {namespace} and was not made by this suite; delete or rename it, "
                "or give the suite another name (kube_suite)"
            )
        self._ours.add((kind.name, name))

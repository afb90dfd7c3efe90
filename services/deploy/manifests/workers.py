"""The Deployment: pods that run the router process, told to serve this router alone.

It has no `replicas`: their number is the autoscaler's, and whoever applies one takes it away from it at every
apply. Starting and stopping set it by the scale subresource, once.
"""

import hashlib
import json
from typing import Any

from services.deploy.cluster import Cluster, Workload
from services.deploy.labels import REVISION, labels, object_name, selector
from services.deploy.manifests.environment import CERTIFICATES, SPOOL, sources, variables
from services.deploy.manifests.ports import GRPC, METRICS

# The user of the image.
USER = 10001
# What flushing takes at the end of a drain, at most: see `flush_seconds`.
FLUSH_SECONDS = 15
SPOOL_SIZE = "512Mi"


def make(workload: Workload, cluster: Cluster) -> dict[str, Any]:
    """The Deployment of a router."""
    found_by = selector(cluster, workload.id)
    pod = _pod(workload, cluster)
    own = {**labels(cluster, workload), REVISION: _revision(pod)}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": object_name(cluster, workload.id),
            "namespace": cluster.namespace,
            "labels": labels(cluster, workload),
        },
        "spec": {
            "selector": {"matchLabels": found_by},
            "progressDeadlineSeconds": cluster.deadline,
            "revisionHistoryLimit": 3,
            # A new pod is there before an old one goes.
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {"metadata": {"labels": own}, "spec": pod},
        },
    }


def revision(deployment: dict[str, Any]) -> str:
    """Which pods are of this very template: those with the same label."""
    labelled: dict[str, str] = deployment["spec"]["template"]["metadata"].get("labels") or {}
    return labelled.get(REVISION, "")


def _revision(pod: dict[str, Any]) -> str:
    return hashlib.blake2b(json.dumps(pod, sort_keys=True).encode(), digest_size=5).hexdigest()


def _pod(workload: Workload, cluster: Cluster) -> dict[str, Any]:
    volumes = [
        {"name": "spool", "emptyDir": {"sizeLimit": SPOOL_SIZE}},
        {"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}},
    ]
    if cluster.tls_secret:
        volumes.append({"name": "certificates", "secret": {"secretName": cluster.tls_secret}})
    pod: dict[str, Any] = {
        "containers": [_container(workload, cluster)],
        "volumes": volumes,
        # It calls no API server.
        "automountServiceAccountToken": False,
        # A Service called turnout would put variables like TURNOUT_PORT into the pod, which are no settings.
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": int(cluster.notice + cluster.drain) + FLUSH_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "topologySpreadConstraints": [
            _spread("topology.kubernetes.io/zone", workload, cluster),
            _spread("kubernetes.io/hostname", workload, cluster),
        ],
    }
    if cluster.pull_secret:
        pod["imagePullSecrets"] = [{"name": cluster.pull_secret}]
    return pod


def _container(workload: Workload, cluster: Cluster) -> dict[str, Any]:
    mounts = [{"name": "spool", "mountPath": SPOOL}, {"name": "tmp", "mountPath": "/tmp"}]  # noqa: S108 - a volume
    if cluster.tls_secret:
        mounts.append({"name": "certificates", "mountPath": CERTIFICATES, "readOnly": True})  # type: ignore[dict-item]
    made: dict[str, Any] = {
        "name": "router",
        "image": cluster.image,
        "command": ["python", "-m", "services.router"],
        "env": variables(workload, cluster),
        "ports": [
            {"name": "grpc", "containerPort": GRPC, "protocol": "TCP"},
            {"name": "metrics", "containerPort": METRICS, "protocol": "TCP"},
        ],
        "resources": {
            # No limit of CPU: throttled, a router answers late while the node is idle.
            "requests": {"cpu": cluster.cpu, "memory": cluster.memory},
            "limits": {"memory": cluster.memory},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        **_probes(cluster),
        # The last lines of the log become the reason that GetRouter shows.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": mounts,
    }
    if given := sources(cluster):
        made["envFrom"] = given
    return made


def _probes(cluster: Cluster) -> dict[str, Any]:
    """The kubelet asks grpc.health.v1 itself, in clear only: behind TLS it can see that the port is open."""
    asked = {"tcpSocket": {"port": GRPC}} if cluster.tls_secret else {"grpc": {"port": GRPC}}
    return {
        # Serving only once everything deployed can be; a minute for imports on a busy node.
        "startupProbe": {**asked, "periodSeconds": 2, "failureThreshold": 60},
        "readinessProbe": {**asked, "periodSeconds": 2, "failureThreshold": 2},
        # A process that is stuck, not one that is busy: a minute of silence.
        "livenessProbe": {**asked, "periodSeconds": 10, "timeoutSeconds": 5, "failureThreshold": 6},
    }


def _spread(topology: str, workload: Workload, cluster: Cluster) -> dict[str, Any]:
    return {
        "maxSkew": 1,
        "topologyKey": topology,
        # Rather two pods in a zone than one pod waiting.
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": selector(cluster, workload.id)},
    }

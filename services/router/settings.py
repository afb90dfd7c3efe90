"""What the router can be told, beside what every process can be told."""

from typing import Annotated

from pydantic import Field, SecretStr

from services.foundation.settings import Settings
from services.state.names import id_of

# A DNS label; an amount as Kubernetes writes it; where variables come from.
SOURCE = r"^(secret|configmap)/[^/]+$"
NAMESPACE = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
QUANTITY = r"^[0-9]+(\.[0-9]+)?(m|[kMGTPE]i?)?$"


class RouterSettings(Settings):
    """Settings of a router process."""

    port: int = Field(50051, ge=0, le=65535)
    """Port to listen on; 0 picks a free one."""
    metrics_port: int = Field(9101, ge=0, le=65535)
    """Port of the first worker's Prometheus page; 0 and further workers pick a free one."""
    redis_url: str = "redis://127.0.0.1:6379/0"
    """Where the shared state lives."""
    aggregator: str = "127.0.0.1:50052"
    """Where juries are asked, as host:port or a grpc URI."""
    feedback: str = "127.0.0.1:50053"
    """Where feedback is handed on to, as host:port or a grpc URI."""
    drift_expiry_hours: float = Field(24.0, gt=0)
    """After how many hours without an analysis nobody knows any more whether a model has drifted."""
    advertise: str = ""
    """Address that a deployed router's endpoint names; default is the one that this process answers at."""
    spool_dir: str = ".turnout/spool"
    """Where events wait on disk while Redis cannot be reached."""
    spool_bytes: int = Field(256 * 1024 * 1024, ge=1024 * 1024)
    """Most bytes that wait on disk; beyond, the oldest go and a counted gap stays."""
    redaction_secret: SecretStr = Field(SecretStr(""), max_length=64)
    """Key of the hashes that are logged in the place of redacted values, the same in all replicas. Without it
    they are keyed by the router's uid alone, and who knows that can try values."""
    registry_hosts: list[str] = Field(default_factory=list, max_length=100)
    """Hosts, as name or name:port, of model registries that everybody may import from. Where access is
    enforced, only administrators import from others: an import sends requests to where it says."""
    only: list[str] = Field(default_factory=list, max_length=100)
    """The routers that this process serves, as churn or routers/churn, and no others; empty: all that have no
    pods of their own. Pods that a router is deployed to are told theirs."""
    kube_config: str = ""
    """API server that routers with a kubernetes target are deployed to: a kubeconfig's path, or in-cluster
    for that of the pod's service account; empty: none, and deploying such a router is refused."""
    kube_namespace: str = Field("default", pattern=NAMESPACE)
    """Namespace that their pods run in."""
    kube_suite: str = Field("turnout", pattern=NAMESPACE, max_length=30)
    """Begins the names of all objects, and tells two suites in one namespace apart."""
    kube_image: str = ""
    """Image of the pods: the suite's, with a tag or a digest."""
    kube_pull_secret: str = ""
    """Secret that the image is pulled with, if one is needed."""
    kube_redis_secret: str = Field("turnout-redis/url", pattern=r"^[^/]+/[^/]+$")
    """Secret and key, as name/key, that hold the Redis address of the pods."""
    kube_environment_from: list[Annotated[str, Field(pattern=SOURCE)]] = Field(default_factory=list)
    """ConfigMaps and Secrets whose keys become variables of the pods, as configmap/name or secret/name: where
    secrets of models, of redaction and of access come from."""
    kube_tls_secret: str = ""
    """Secret with tls.crt and tls.key that the pods serve with; empty: in clear."""
    kube_gateway: str = Field("", pattern=r"^([^/]+/)?[^/]*$")
    """Gateway that routes lead from, as name or namespace/name; empty: no GRPCRoute."""
    kube_domain: str = ""
    """Routes are for {router}.{kube_domain}; empty: for calls whose metadata has turnout-router: {router}."""
    kube_callers: list[str] = Field(default_factory=list)
    """Namespaces whose pods may call, beside the pods' own and the Gateway's."""
    kube_cpu: str = Field("500m", pattern=QUANTITY)
    """CPU that each pod requests."""
    kube_memory: str = Field("512Mi", pattern=QUANTITY)
    """Memory that each pod requests, and may have at most."""
    kube_least_replicas: int = Field(2, ge=1, le=1000)
    """Fewest pods of a router whose deployment.replicas does not say."""
    kube_most_replicas: int = Field(10, ge=1, le=1000)
    """Most pods of a router; one that wants more at least has as many as it wants."""
    kube_busy_percent: int = Field(70, ge=1, le=100)
    """Share of the requested CPU in use, over all pods, above which pods are added."""
    kube_calls_per_pod: int = Field(0, ge=0)
    """Calls in flight per pod above which pods are added instead; needs an adapter that serves the metric
    turnout_rpc_in_flight. 0: by CPU."""
    kube_deadline_seconds: int = Field(600, ge=30)
    """How long a rollout may go on without progress before it has failed."""

    @property
    def routers_only(self) -> list[str]:
        """`only` by their full names."""
        return [f"routers/{id_of(one)}" for one in self.only]

"""Where pods run and what they are given: the facts that manifests are made of, beside the router itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Workload:
    """A router that wants pods.

    id: without `routers/`; uid: its own for ever; replicas: the fewest that run, 0 where it does not say.
    """

    id: str
    uid: str
    replicas: int = 0


@dataclass(frozen=True, slots=True)
class SecretKey:
    """One value of a Secret, by name and key; the value itself is never seen here."""

    name: str
    key: str


@dataclass(frozen=True, slots=True)
class Cluster:
    """What all routers of a suite have in common.

    suite: begins all names, and tells the objects of two suites in one namespace apart; environment: plain
    settings of the pods, by variable; environment_from: ConfigMaps and Secrets ("secret/name") whose keys
    become variables; gateway: "name" or "namespace/name" of a Gateway, empty for no route; domain: routes are
    for {id}.{domain}, and without one for requests that carry the header turnout-router; callers: namespaces
    whose pods may call, beside its own; cpu and memory: Kubernetes quantities; least and most: replicas;
    busy: percent of the requested CPU at which replicas are added; crowd: calls in flight per pod at which
    they are, 0 for by CPU; notice and drain: seconds of a drain, before and after connections close;
    deadline: seconds that a rollout may go on without progress.
    """

    namespace: str
    image: str
    suite: str = "turnout"
    pull_secret: str = ""
    redis: SecretKey = SecretKey("turnout-redis", "url")
    environment: Mapping[str, str] = field(default_factory=dict)
    environment_from: Sequence[str] = ()
    tls_secret: str = ""
    gateway: str = ""
    domain: str = ""
    callers: Sequence[str] = ()
    cpu: str = "500m"
    memory: str = "512Mi"
    least: int = 2
    most: int = 10
    busy: int = 70
    crowd: int = 0
    notice: float = 5.0
    drain: float = 30.0
    deadline: int = 600

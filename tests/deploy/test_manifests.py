"""Everything that is applied, held to the schemas that are published of several versions of Kubernetes."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from services.deploy.cluster import Cluster, SecretKey, Workload
from services.deploy.labels import object_name, ours, selector
from services.deploy.manifests import MAKERS, digest, manifests
from services.deploy.manifests.workers import revision
from tests.deploy.conftest import ROLE

VERSIONS = ["1.30", "1.33", "1.36"]
CHURN = Workload("churn", "0198c0de-0000-7000-8000-000000000001", replicas=3)
PLAIN = Cluster("ml", "registry.example/turnout:1.4")
FULL = Cluster(
    namespace="ml",
    image="registry.example/turnout@sha256:0",
    suite="blue",
    pull_secret="pull",
    redis=SecretKey("state", "url"),
    environment={"TURNOUT_ACCESS_MODE": "enforced"},
    environment_from=["secret/turnout-access", "configmap/turnout"],
    tls_secret="turnout-tls",
    gateway="edge/public",
    domain="models.example.com",
    callers=["shop"],
    crowd=40,
)
BY_HEADER = replace(PLAIN, gateway="public")
ROUTE = json.loads((Path(__file__).parent / "grpc_route.schema.json").read_text())


def of(kind: str, cluster: Cluster = FULL, workload: Workload = CHURN) -> dict[str, Any]:
    return MAKERS[kind](workload, cluster)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_is_valid_in_every_version(version: str) -> None:
    for made in manifests(CHURN, FULL):
        if made["kind"] != "GRPCRoute":
            assert kubernetes_validate.validate(made, version, strict=True) == version


def test_the_least_that_can_be_said_is_valid_too() -> None:
    for made in manifests(CHURN, PLAIN):
        kubernetes_validate.validate(made, VERSIONS[-1], strict=True)


def test_the_role_that_is_published_is_valid() -> None:
    made = list(yaml.safe_load_all(ROLE.read_text()))
    assert [one["kind"] for one in made] == ["ServiceAccount", "Role", "RoleBinding"]
    for one in made:
        kubernetes_validate.validate(one, VERSIONS[-1], strict=True)


@pytest.mark.parametrize("cluster", [FULL, BY_HEADER], ids=["host", "header"])
def test_a_route_is_what_the_gateway_api_says(cluster: Cluster) -> None:
    jsonschema.validate(of("GRPCRoute", cluster), ROUTE, jsonschema.Draft202012Validator)


def test_the_schemas_would_find_a_word_that_does_not_exist() -> None:
    made, route = of("Deployment"), of("GRPCRoute")
    made["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(made, "1.36", strict=True)
    route["spec"]["rules"][0]["backendRefs"][0]["port"] = "50051"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(route, ROUTE, jsonschema.Draft202012Validator)


def test_a_route_is_applied_only_where_there_is_a_gateway() -> None:
    assert {one["kind"] for one in manifests(CHURN, PLAIN)} == MAKERS.keys() - {"GRPCRoute"}
    assert {one["kind"] for one in manifests(CHURN, FULL)} == set(MAKERS)


def test_a_route_is_for_a_host_name_or_for_a_header() -> None:
    assert of("GRPCRoute")["spec"]["hostnames"] == ["churn.models.example.com"]
    by_header = of("GRPCRoute", BY_HEADER)["spec"]
    assert by_header["rules"][0]["matches"][0]["headers"][0]["value"] == "churn"
    assert "hostnames" not in by_header


def test_the_deployment_comes_last() -> None:
    """A removal that broke off is found by what is removed last."""
    assert list(MAKERS)[-1] == "Deployment"


def test_nobody_is_told_a_number_of_replicas() -> None:
    """It is the autoscaler's: applying one would take it away at every apply."""
    assert "replicas" not in of("Deployment")["spec"]
    assert of("HorizontalPodAutoscaler")["spec"]["minReplicas"] == 3
    many = of("HorizontalPodAutoscaler", PLAIN, replace(CHURN, replicas=40))["spec"]
    assert many["minReplicas"] == many["maxReplicas"] == 40


def test_pods_are_pinned_to_their_router_and_hold_no_secret() -> None:
    container = of("Deployment")["spec"]["template"]["spec"]["containers"][0]
    told = {one["name"]: one for one in container["env"]}
    assert told["TURNOUT_ROUTER_ONLY"]["value"] == '["routers/churn"]'
    assert told["TURNOUT_ROUTER_REDIS_URL"] == {
        "name": "TURNOUT_ROUTER_REDIS_URL",
        "valueFrom": {"secretKeyRef": {"name": "state", "key": "url"}},
    }
    assert container["envFrom"] == [
        {"secretRef": {"name": "turnout-access"}},
        {"configMapRef": {"name": "turnout"}},
    ]


def test_pods_may_do_nothing_that_they_need_not() -> None:
    pod = of("Deployment")["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert pod["containers"][0]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_the_kubelet_asks_the_health_of_gRPC_itself_where_it_can() -> None:
    plain = of("Deployment", PLAIN)["spec"]["template"]["spec"]["containers"][0]
    assert plain["readinessProbe"]["grpc"] == plain["livenessProbe"]["grpc"] == {"port": 50051}
    behind_tls = of("Deployment")["spec"]["template"]["spec"]["containers"][0]
    assert behind_tls["readinessProbe"]["tcpSocket"] == {"port": 50051}


def test_a_pod_has_the_time_that_its_drain_takes() -> None:
    spec = of("Deployment", replace(PLAIN, notice=5.0, drain=40.0))["spec"]["template"]["spec"]
    assert spec["terminationGracePeriodSeconds"] >= 45


def test_those_who_may_call_are_named_by_namespace() -> None:
    rule = of("NetworkPolicy")["spec"]["ingress"][0]
    named = [one["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] for one in rule["from"]]
    assert named == ["edge", "ml", "shop"]


def test_a_selector_never_changes_with_settings_or_replicas() -> None:
    """A Deployment's selector is immutable: a new one would be refused for ever."""
    found = of("Deployment")["spec"]["selector"]["matchLabels"]
    other = replace(FULL, image="turnout:2", cpu="2", crowd=0)
    assert of("Deployment", other, replace(CHURN, replicas=9))["spec"]["selector"]["matchLabels"] == found
    labels = of("Deployment")["spec"]["template"]["metadata"]["labels"]
    assert found == selector(FULL, "churn")
    assert found.items() <= labels.items()


def test_another_template_is_another_revision_and_another_bound_is_not() -> None:
    same = of("Deployment", FULL, replace(CHURN, replicas=9))
    assert revision(of("Deployment")) == revision(same)
    assert revision(of("Deployment")) != revision(of("Deployment", replace(FULL, image="turnout:2")))
    assert digest(manifests(CHURN, FULL)) != digest(manifests(replace(CHURN, replicas=9), FULL))


@pytest.mark.parametrize("router", ["a", "c" * 63, "c" * 62 + "d"])
def test_every_id_of_a_router_makes_a_name_and_labels_that_are_allowed(router: str) -> None:
    for made in manifests(replace(CHURN, id=router), FULL):
        texts = [made["metadata"]["name"], *made["metadata"]["labels"].values()]
        assert all(0 < len(text) <= 63 for text in texts)


def test_two_long_ids_that_begin_alike_have_two_names() -> None:
    assert object_name(PLAIN, "c" * 63) != object_name(PLAIN, "c" * 62 + "d")


def test_objects_of_another_suite_are_not_ours() -> None:
    labels = of("Service")["metadata"]["labels"]
    assert ours(FULL, labels)
    assert not ours(PLAIN, labels)
    assert not ours(FULL, {})

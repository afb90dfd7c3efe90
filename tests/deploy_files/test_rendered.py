"""What the chart makes holds together: selectors, ports, probes, budgets, settings and secrets."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr

from services.deploy.cluster import Workload
from services.deploy.labels import labels
from services.foundation.access import check
from services.foundation.configuration import common_keys, load
from services.foundation.settings import Settings
from services.router.pods.cluster import cluster_of, unfit
from services.router.settings import RouterSettings
from tests.deploy_files.chart import KINDS, ROOT, NotRendered, Rendered, pods, render
from tests.foundation.identity.authorities import Authority

Manifest = Mapping[str, Any]


def matches(selector: Manifest, labels: Manifest) -> bool:
    return bool(selector["matchLabels"].items() <= labels.items()) and all(
        labels.get(one["key"]) in one["values"] for one in selector.get("matchExpressions", [])
    )


def pod_labels(deployment: Manifest) -> Manifest:
    found: Manifest = deployment["spec"]["template"]["metadata"]["labels"]
    return found


def component(manifest: Manifest) -> str:
    return str(manifest["metadata"]["labels"]["app.kubernetes.io/component"])


def only_container(pod: Manifest) -> Manifest:
    (container,) = pod["containers"]
    found: Manifest = container
    return found


def test_every_service_has_all_that_is_its_own(rendered: Rendered) -> None:
    for kind in ("Deployment", "ServiceAccount", "PodDisruptionBudget", "NetworkPolicy"):
        assert {component(one) for one in rendered.of(kind)} == set(KINDS), kind


def test_no_two_objects_have_one_name(rendered: Rendered) -> None:
    names = [(one["kind"], one["metadata"]["name"]) for one in rendered.manifests]
    assert len(names) == len(set(names))
    assert max(len(name) for _, name in names) <= 63


def test_whatever_selects_pods_selects_those_of_its_own_deployment(rendered: Rendered) -> None:
    deployments = {component(one): pod_labels(one) for one in rendered.of("Deployment")}
    selecting: dict[str, Callable[[Any], Any]] = {
        "Deployment": lambda one: one["spec"]["selector"],
        "Service": lambda one: {"matchLabels": one["spec"]["selector"]},
        "PodDisruptionBudget": lambda one: one["spec"]["selector"],
        "NetworkPolicy": lambda one: one["spec"]["podSelector"],
    }
    for kind, selector in selecting.items():
        for one in rendered.of(kind):
            chosen = [name for name, labels in deployments.items() if matches(selector(one), labels)]
            assert chosen == [component(one)], (kind, one["metadata"]["name"])


def test_an_autoscaler_has_a_deployment_whose_replicas_nobody_else_says(everything: Rendered) -> None:
    deployments = everything.named("Deployment")
    scaled = [one["spec"]["scaleTargetRef"]["name"] for one in everything.of("HorizontalPodAutoscaler")]
    assert sorted(scaled) == sorted(deployments)
    assert all("replicas" not in one["spec"] for one in deployments.values())


def test_without_an_autoscaler_replicas_are_said(defaults: Rendered) -> None:
    assert defaults.of("HorizontalPodAutoscaler") == []
    assert {one["spec"]["replicas"] for one in defaults.of("Deployment")} == {2}


def test_every_port_is_the_one_that_the_service_listens_on(rendered: Rendered) -> None:
    for one in rendered.of("Deployment"):
        told = KINDS[component(one)].model_fields
        ports = only_container(one["spec"]["template"]["spec"])["ports"]
        expected = {"serving": told["port"].default, "metrics": told["metrics_port"].default}
        assert {port["name"]: port["containerPort"] for port in ports} == expected


def test_probes_ask_the_port_that_is_served(rendered: Rendered) -> None:
    for one in rendered.of("Deployment"):
        container = only_container(one["spec"]["template"]["spec"])
        serving = next(port["containerPort"] for port in container["ports"] if port["name"] == "serving")
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            asked = container[probe]
            if "grpc" in asked:
                assert asked["grpc"] == {"port": serving}
            else:
                assert asked["exec"]["command"][:3] == ["python", "-m", "services.cli.healthy"]
                assert asked["exec"]["command"][3:6] == [f"127.0.0.1:{serving}", "--tls", "--own"]


def test_services_lead_to_ports_that_pods_name(rendered: Rendered) -> None:
    for service in rendered.of("Service"):
        (deployment,) = (one for one in rendered.of("Deployment") if component(one) == component(service))
        named = {port["name"] for port in only_container(deployment["spec"]["template"]["spec"])["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= named


def test_services_that_grpc_clients_call_are_headless(rendered: Rendered) -> None:
    """A Service with an address of its own would give each client one pod."""
    with_address = [one for one in rendered.of("Service") if one["spec"].get("clusterIP") != "None"]
    assert [component(one) for one in with_address] == ["gateway"]


def test_metrics_are_scraped_from_every_pod_once(everything: Rendered) -> None:
    (monitor,) = everything.of("ServiceMonitor")
    scraped = [
        component(one)
        for one in everything.of("Service")
        if matches(monitor["spec"]["selector"], one["metadata"]["labels"])
    ]
    assert sorted(scraped) == sorted(KINDS)
    (endpoint,) = monitor["spec"]["endpoints"]
    for one in everything.of("Service"):
        if one["spec"].get("clusterIP") == "None":
            assert endpoint["port"] in {port["name"] for port in one["spec"]["ports"]}


def test_routes_lead_to_the_gateway(everything: Rendered) -> None:
    services = everything.named("Service")
    for kind in ("GRPCRoute", "HTTPRoute"):
        (route,) = everything.of(kind)
        ((backend,),) = (rule["backendRefs"] for rule in route["spec"]["rules"])
        ports = {port["port"] for port in services[backend["name"]]["spec"]["ports"]}
        assert backend["port"] in ports


def test_every_variable_is_a_setting(rendered: Rendered) -> None:
    """One that nobody knows ends a service at its start."""
    for one in rendered.of("Deployment"):
        service = component(one)
        kind = KINDS[service]
        known = {"TURNOUT_CONFIG"} | {f"TURNOUT_{key.upper()}" for key in common_keys(kind)}
        known |= {f"TURNOUT_{service.upper()}_{key.upper()}" for key in kind.model_fields}
        pod = one["spec"]["template"]["spec"]
        assert {variable["name"] for variable in only_container(pod)["env"]} <= known
        # Otherwise Kubernetes adds TURNOUT_GATEWAY_PORT and others, one for each Service of the namespace.
        assert pod["enableServiceLinks"] is False


def settings_of(rendered: Rendered, service: str, folder: Path) -> Settings:
    """As the process reads them."""
    (told,) = (one["data"] for one in rendered.of("ConfigMap") if "turnout.yaml" in one["data"])
    file = folder / "turnout.yaml"
    file.write_text(told["turnout.yaml"])
    return load(KINDS[service], service, file)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Files like those that are mounted."""
    folder = tmp_path_factory.mktemp("tls")
    authority = Authority(folder, "authority")
    chain, key = authority.issue("suite", "turnout-router")
    trusted = str(authority.path)
    own = {"tls_certificate": chain, "tls_key": key}
    return {**own, "tls_authorities": trusted, "tls_client_authorities": trusted}


@pytest.mark.parametrize("service", KINDS)
def test_the_settings_file_is_taken_by_every_service(
    rendered: Rendered, service: str, certificates: dict[str, str], tmp_path: Path
) -> None:
    settings = settings_of(rendered, service, tmp_path)
    assert settings.host == "0.0.0.0"  # noqa: S104 - in a pod
    assert (settings.access_mode == "enforced") is not settings.expose
    mounted = {key: file for key, file in certificates.items() if getattr(settings, key)}
    # Raises where they contradict each other, or would leave a door open.
    check(settings.model_copy(update={"access_service_token": SecretStr("t" * 32), **mounted}))


def test_addresses_that_services_know_each_other_by_are_services(rendered: Rendered, tmp_path: Path) -> None:
    ports = {one["metadata"]["name"]: one["spec"]["ports"][0]["port"] for one in rendered.of("Service")}
    known = {f"{name}:{port}" for name, port in ports.items()}
    told = {
        "router": ("aggregator", "feedback"),
        "feedback": ("router",),
        "gateway": ("router", "aggregator", "feedback", "drift"),
    }
    for service, keys in told.items():
        settings = settings_of(rendered, service, tmp_path)
        assert {getattr(settings, key).removeprefix("dns:///") for key in keys} <= known


def test_a_pod_has_longer_to_end_than_its_drain_takes(rendered: Rendered, tmp_path: Path) -> None:
    for one in rendered.of("Deployment"):
        told = settings_of(rendered, component(one), tmp_path)
        needed = told.drain_notice_seconds + told.drain_seconds + 4 * told.flush_seconds
        assert one["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > math.ceil(needed)


def test_secrets_are_referred_to_and_never_made(rendered: Rendered) -> None:
    assert rendered.of("Secret") == []
    for one in rendered.of("Deployment"):
        for variable in only_container(one["spec"]["template"]["spec"])["env"]:
            secret = any(word in variable["name"] for word in ("TOKEN", "KEY", "SECRET", "REDIS_URL"))
            assert ("valueFrom" in variable) is secret, variable["name"]


def test_certificates_are_renewed_in_place(everything: Rendered) -> None:
    """Kubernetes renews what is mounted as a directory, and never a file that is mounted by itself."""
    for name, pod in pods(everything):
        mounts = only_container(pod)["volumeMounts"]
        assert {"name": "tls", "mountPath": "/etc/turnout/tls", "readOnly": True} in mounts, name
        assert all("subPath" not in mount for mount in mounts)


def test_what_is_mounted_is_there(rendered: Rendered) -> None:
    for name, pod in pods(rendered):
        mounted = {mount["name"] for mount in only_container(pod).get("volumeMounts", [])}
        assert mounted == {volume["name"] for volume in pod.get("volumes", [])}, name


def test_pods_are_what_the_restricted_standard_admits(rendered: Rendered) -> None:
    for name, pod in pods(rendered):
        security = pod["securityContext"]
        assert security["runAsNonRoot"], name
        assert security["runAsUser"] == 10001
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        own = only_container(pod)["securityContext"]
        assert own["readOnlyRootFilesystem"]
        assert own["allowPrivilegeEscalation"] is False
        assert own["capabilities"] == {"drop": ["ALL"]}


def test_only_a_router_that_makes_pods_has_a_token(rendered: Rendered) -> None:
    tokens = {
        component(one)
        for one in rendered.of("Deployment")
        if one["spec"]["template"]["spec"]["automountServiceAccountToken"]
    }
    assert tokens == ({"router"} if rendered.of("Role") else set())


def test_a_router_that_makes_pods_may_do_what_that_takes(everything: Rendered, tmp_path: Path) -> None:
    """The rules of deploy/kubernetes, by the account of the router's pods; and its settings will do."""
    (role,) = everything.of("Role")
    told = yaml.safe_load_all((ROOT / "deploy/kubernetes/rbac.yaml").read_text())
    assert role["rules"] == next(one["rules"] for one in told if one["kind"] == "Role")
    (binding,) = everything.of("RoleBinding")
    account = everything.named("Deployment")["turnout-router"]["spec"]["template"]["spec"]
    assert [one["name"] for one in binding["subjects"]] == [account["serviceAccountName"]]
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    settings = settings_of(everything, "router", tmp_path)
    assert isinstance(settings, RouterSettings)
    # The certificate is a file of the pod's.
    assert unfit(settings.model_copy(update={"tls_certificate": ""})) == ""
    assert account["volumes"][-1]["secret"]["secretName"] == cluster_of(settings).tls_secret


def test_pods_that_routers_were_deployed_to_may_call_the_suite(everything: Rendered, tmp_path: Path) -> None:
    settings = settings_of(everything, "router", tmp_path)
    assert isinstance(settings, RouterSettings)
    pod = labels(cluster_of(settings), Workload("churn", "uid"))
    for name in ("turnout-aggregator", "turnout-feedback"):
        serving = everything.named("NetworkPolicy")[name]["spec"]["ingress"][0]
        assert any(matches(one["podSelector"], pod) for one in serving["from"]), name
    # And none of the suite's own Services leads to them.
    assert not any(matches({"matchLabels": one["spec"]["selector"]}, pod) for one in everything.of("Service"))


def test_other_settings_make_other_pods(defaults: Rendered, everything: Rendered) -> None:
    def sums(rendered: Rendered) -> set[str]:
        return {
            one["spec"]["template"]["metadata"]["annotations"]["checksum/settings"]
            for one in rendered.of("Deployment")
        }

    assert len(sums(defaults)) == len(sums(everything)) == 1
    assert sums(defaults) != sums(everything)


def test_whoever_calls_a_service_may_reach_it(rendered: Rendered) -> None:
    calls = {"aggregator": {"router", "gateway"}, "feedback": {"router", "gateway"}}
    calls |= {"router": {"feedback", "gateway"}, "drift": {"gateway"}}
    deployments = {component(one): pod_labels(one) for one in rendered.of("Deployment")}
    for policy in rendered.of("NetworkPolicy"):
        serving = policy["spec"]["ingress"][0]
        if (callee := component(policy)) in calls:
            peers = [peer["podSelector"] for peer in serving["from"] if "podSelector" in peer]
            allowed = {
                name for name, labels in deployments.items() if any(matches(peer, labels) for peer in peers)
            }
            assert allowed == calls[callee]


def test_pods_may_reach_whom_they_call_and_a_name_server(everything: Rendered, tmp_path: Path) -> None:
    for policy in everything.of("NetworkPolicy"):
        settings = settings_of(everything, component(policy), tmp_path)
        own = {key: getattr(settings, key, "") for key in KINDS}
        called = {int(said.rpartition(":")[2]) for said in own.values() if isinstance(said, str) and said}
        reached = {port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]}
        assert {53} | called <= reached, component(policy)


BOTH = "grpc: {enabled: true, hostnames: [a.example]}, http: {enabled: true, hostnames: [a.example]}"
REFUSED = {
    "routes.parentRefs": "routes: {grpc: {enabled: true}}",
    "takes only the older": f"routes: {{parentRefs: [{{name: public}}], {BOTH}}}",
    "nothing to scale by": "drift: {autoscaling: {enabled: true, cpuPercent: 0}}",
    "is less than minReplicas": "drift: {autoscaling: {enabled: true, maxReplicas: 1}}",
    "trace_ration": "settings: {trace_ration: 0.1}",
    "credentials would cross the network in clear text": "tls: {secret: ''}",
    "'drain_seconds' not allowed": "router: {settings: {drain_seconds: 60}}",
    "'access_bootstrap_key' not allowed": "settings: {access_bootstrap_key: 'in clear text'}",
    "digest": "image: {digest: latest}",
}


@pytest.mark.parametrize("said", REFUSED)
def test_values_that_cannot_work_are_refused_by_helm(said: str, tmp_path: Path) -> None:
    values = tmp_path / "values.yaml"
    values.write_text(REFUSED[said])
    with pytest.raises(NotRendered) as refused:
        render(values)
    assert said in str(refused.value)


def test_a_release_with_a_long_name_has_names_that_fit(tmp_path: Path) -> None:
    values = tmp_path / "values.yaml"
    values.write_text(yaml.safe_dump({"fullnameOverride": "a" * 60}))
    assert max(len(one["metadata"]["name"]) for one in render(values).manifests) <= 63

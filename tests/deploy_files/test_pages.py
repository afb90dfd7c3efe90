"""The pages on Docker and Helm: values are rendered, and commands run as far as they need no cluster."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509

from tests.deploy_files.chart import CHART, KINDS, ROOT, VERSIONS, Rendered, helm, render
from tests.deploy_files.test_valid import complaint

HOW_TO = ROOT / "docs/how-to"
DOCKER, HELM = (HOW_TO / f"{name}.md" for name in ("docker", "helm"))


def blocks(page: Path, *kinds: str) -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    return [content for kind, content in found if kind in kinds]


def commands(page: Path, program: str) -> list[list[str]]:
    """The words of each command of a program, with its variables as they stand."""
    lines = "".join(blocks(page, "", "sh")).replace("\\\n", "").splitlines()
    parts = [part for line in lines for part in line.split(" && ")]
    words = [shlex.split(re.sub(r"^(\w+=\w+ )*", "", part)) for part in parts if "=$(" not in part]
    return [each[1:] for each in words if each and each[0] == program]


def yamls(page: Path) -> list[dict[str, Any]]:
    return [yaml.safe_load(block) for block in blocks(page, "yaml")]


VALUES = [told for told in yamls(HELM) if "kind" not in told and "rules" not in told]
OTHERS = {told["kind"]: told for told in yamls(HELM) if "kind" in told}


@pytest.mark.parametrize("page", [DOCKER, HELM], ids=["docker", "helm"])
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([\w./-]+)(?:#[\w-]+)?\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_what_compose_is_told_is_in_its_file() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    told = commands(DOCKER, "docker")
    assert len(told) >= 5
    scaled = [word.split("=")[0] for words in told for word in words if re.fullmatch(r"\w+=\d+", word)]
    assert set(scaled) <= set(compose["services"])
    variables = set(re.findall(r"\b([A-Z_]+_IMAGE)\b", DOCKER.read_text()))
    known = set(re.findall(r"\$\{([A-Z_]+_IMAGE):-", (ROOT / "docker-compose.yml").read_text()))
    assert variables == known - {"TURNOUT_IMAGE"}
    exported = set(re.findall(r"^export (\w+)=", DOCKER.read_text(), re.MULTILINE))
    assert exported <= set(compose["services"]["router"]["environment"])


def test_ports_that_the_page_names_are_published() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    published = {
        port.split(":")[1] for told in compose["services"].values() for port in told.get("ports", [])
    }
    named = set(re.findall(r"127\.0\.0\.1:(\d+)", DOCKER.read_text()))
    assert len(named) >= 6
    assert named <= published


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    """What the page's own command would install."""
    (words,) = (told for told in commands(HELM, "helm") if told[0] == "upgrade")
    options = [word for word in words[1:] if word not in ("--install", "--wait")]
    options[options.index("deploy/helm/turnout")] = str(CHART)
    made = helm("template", *options, "--kube-version", VERSIONS[-1])
    return Rendered([one for one in yaml.safe_load_all(made) if one])


def test_the_secrets_that_the_page_makes_are_those_that_pods_refer_to(installed: Rendered) -> None:
    made = {words[5] for words in commands(HELM, "kubectl") if words[2:5] == ["create", "secret", "generic"]}
    text = yaml.safe_dump(installed.of("Deployment"))
    referred = set(re.findall(r"secretName: (\S+)", text))
    for deployment in installed.of("Deployment"):
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        for variable in container["env"]:
            told = variable.get("valueFrom", {}).get("secretKeyRef", {"optional": True})
            if not told.get("optional"):
                referred.add(told["name"])
                assert f"{told['key']}=" in HELM.read_text()
    assert made == referred


def test_the_certificates_name_every_service(installed: Rendered, tmp_path: Path) -> None:
    services = {f"turnout-{name}" for name in KINDS}
    assert services <= set(installed.named("Service"))
    assert set(OTHERS["Certificate"]["spec"]["dnsNames"]) == services
    if not shutil.which("openssl"):
        pytest.skip("no openssl")
    (words,) = (told for told in commands(HELM, "openssl") if told[0] == "req")
    subprocess.run(["openssl", *words], cwd=tmp_path, check=True, capture_output=True)
    made = x509.load_pem_x509_certificate((tmp_path / "tls.crt").read_bytes())
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(names.get_values_for_type(x509.DNSName)) == services


@pytest.mark.parametrize("number", range(len(VALUES)), ids=[next(iter(told)) for told in VALUES])
def test_the_values_that_the_page_shows_are_taken(number: int, tmp_path: Path) -> None:
    values = tmp_path / "values.yaml"
    values.write_text(yaml.safe_dump(VALUES[number]))
    render(values)


def test_names_and_numbers_of_the_page_are_the_charts(installed: Rendered) -> None:
    page = HELM.read_text()
    policy = OTHERS["BackendTLSPolicy"]["spec"]
    assert {one["name"] for one in policy["targetRefs"]} <= set(installed.named("Service"))
    assert policy["validation"]["hostname"] in OTHERS["Certificate"]["spec"]["dnsNames"]
    drain = yaml.safe_load((CHART / "values.yaml").read_text())["drain"]
    assert f"takes calls for {drain['noticeSeconds']} s more" in page
    assert f"has {drain['seconds']} s to finish" in page
    assert all(version in page for version in VERSIONS)
    assert [said for one in installed.manifests[:3] if (said := complaint(one, VERSIONS[0]))] == []

"""A pod of the chart as a process: its command, settings, secrets and certificates, and its own probe."""

import asyncio
import os
import random
import signal
import sys
from pathlib import Path
from typing import Any

from cryptography import x509

from services.cli.ports import FreePorts
from tests.deploy_files.chart import render
from tests.foundation.identity.authorities import Authority
from tests.waiting import eventually

MUTUAL = "tls: {clients: true}\naggregator: {settings: {concurrency: 64}}\ndrain: {noticeSeconds: 0}\n"


def mounted(folder: Path, settings: str) -> tuple[dict[str, str], Path]:
    """Where the pod's directories are here, with what Secrets and the ConfigMap put into them."""
    authority = Authority(folder, "ca")
    chain, key = authority.issue("tls", "turnout", x509.DNSName("turnout-aggregator"))
    authority.path.rename(folder / "ca.crt")
    assert (chain, key) == (str(folder / "tls.crt"), str(folder / "tls.key"))
    places = {"/etc/turnout/tls": str(folder), "/etc/turnout/settings": str(folder)}
    (folder / "turnout.yaml").write_text(here(settings, places))
    return places, folder


def here(text: str, places: dict[str, str]) -> str:
    for place, path in places.items():
        text = text.replace(place, path)
    return text


async def test_a_pod_serves_with_mutual_tls_and_its_probe_says_so(redis_url: str, tmp_path: Path) -> None:
    values = tmp_path / "values.yaml"
    values.write_text(MUTUAL)
    made = render(values)
    (told,) = (one["data"]["turnout.yaml"] for one in made.of("ConfigMap"))
    places, folder = mounted(tmp_path, told)
    pod = made.named("Deployment")["turnout-aggregator"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    free = FreePorts(random.Random(os.getpid()))
    ports = {f"127.0.0.1:{port['containerPort']}": f"127.0.0.1:{free.take()}" for port in container["ports"]}
    serving, metrics = (address.rpartition(":")[2] for address in ports.values())
    moved = {"TURNOUT_AGGREGATOR_PORT": serving, "TURNOUT_AGGREGATOR_METRICS_PORT": metrics}
    secrets = {"TURNOUT_AGGREGATOR_REDIS_URL": redis_url, "TURNOUT_ACCESS_SERVICE_TOKEN": "t" * 32}
    plain = {one["name"]: here(one["value"], places) for one in container["env"] if "value" in one}
    environment = {"PATH": os.environ["PATH"], **plain, **secrets, **moved}
    command = [sys.executable, *container["command"][1:]]
    probe = [sys.executable, *container["readinessProbe"]["exec"]["command"][1:]]
    probe = [here(word, {**places, **ports}) for word in probe]
    with (folder / "log").open("wb") as log:
        how: dict[str, Any] = {"env": environment, "stdout": log, "stderr": log}
        process = await asyncio.create_subprocess_exec(*command, **how)

        async def ready() -> bool:
            assert process.returncode is None, (folder / "log").read_text()
            return await (await asyncio.create_subprocess_exec(*probe, **how)).wait() == 0

        try:
            await eventually(ready, within=60)
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
            code = await process.wait()
    assert code == 0, (folder / "log").read_text()

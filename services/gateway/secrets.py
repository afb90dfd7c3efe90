"""What Envoy knows of certificates: which files it watches for them, and what stands in those."""

from services.gateway.names import Config, typed
from services.gateway.settings import GatewaySettings

# Our own, whom callers' certificates are signed by, and whom those of services are signed by.
CERTIFICATE, CLIENTS, AUTHORITIES = "certificate", "clients", "authorities"


def watched(name: str, settings: GatewaySettings) -> Config:
    """Where Envoy finds a secret, and is told of a new one."""
    source = {
        "path_config_source": {"path": f"{settings.directory}/{name}.json"},
        "resource_api_version": "V3",
    }
    return {"name": name, "sds_config": source}


def secrets(settings: GatewaySettings) -> dict[str, Config]:
    """The content of each file that names certificates. Written anew and moved into its place, it has Envoy
    look at them again: it watches the directory, not the certificates."""
    beside = {"watched_directory": {"path": settings.directory}}
    found = dict[str, Config]()
    if settings.tls_certificate:
        own = {
            "certificate_chain": {"filename": settings.tls_certificate},
            "private_key": {"filename": settings.tls_key},
            **beside,
        }
        found[CERTIFICATE] = _secret(CERTIFICATE, {"tls_certificate": own})
    for name, path in ((CLIENTS, settings.tls_client_authorities), (AUTHORITIES, settings.tls_authorities)):
        if path:
            context = {"trusted_ca": {"filename": path}, **beside}
            found[name] = _secret(name, {"validation_context": context})
    return found


def _secret(name: str, content: Config) -> Config:
    return {"resources": [{**typed("transport_sockets.tls.v3.Secret"), "name": name, **content}]}

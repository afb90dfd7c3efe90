"""How the suite's processes call each other."""

from typing import TypedDict

from services.foundation.identity.certificates import ClientCertificates
from services.foundation.settings import Settings


class Fellowship(TypedDict):
    """What a `Client` of another process of the suite is made with."""

    service_token: str
    credentials: ClientCertificates | None


def fellow(settings: Settings) -> Fellowship:
    """The service token where access is enforced, and TLS where authorities are named; with mTLS, a process
    shows its own certificate; all of them are read anew when their files change."""
    token = settings.access_service_token.get_secret_value() if settings.access_mode == "enforced" else ""
    trusted = settings.tls_authorities
    shown = (settings.tls_certificate, settings.tls_key) if settings.tls_client_authorities else ("", "")
    return Fellowship(
        service_token=token, credentials=ClientCertificates(trusted, *shown) if trusted else None
    )

"""TLS of both ends, with certificates that are read anew when their files change, and whom a client's
certificate names."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import grpc

from services.foundation.identity.pem_files import Pem, PemFiles


def server_credentials(chain: str, key: str, authorities: str = "") -> grpc.ServerCredentials:
    """For a server; with authorities, every client must show a certificate that they signed.

    New files are used for connections that are made from then on. Raises OSError, BadCertificate.
    """
    files = PemFiles(chain, key, authorities)

    def changed() -> Any:
        """Asked by grpc at each handshake, in a thread of its own: new files, or None for "as before"."""
        found = files.renewed()
        return None if found is None else _configuration(found)

    return grpc.dynamic_ssl_server_credentials(
        _configuration(files.read()), changed, require_client_authentication=bool(authorities)
    )


def _configuration(found: Pem) -> Any:
    return grpc.ssl_server_certificate_configuration([(found.key, found.chain)], found.authorities)


class ClientCertificates(NamedTuple):
    """Files of channels that trust `authorities` (none: the system's) and, if told so, show a certificate.
    Each channel follows them by itself."""

    authorities: str
    chain: str = ""
    key: str = ""

    def files(self) -> PemFiles:
        """To be read, and looked at again."""
        return PemFiles(self.chain, self.key, self.authorities)


def credentials_of(found: Pem) -> grpc.ChannelCredentials:
    """For one channel."""
    return grpc.ssl_channel_credentials(found.authorities, found.key or None, found.chain or None)


def channel_credentials(authorities: str, chain: str = "", key: str = "") -> grpc.ChannelCredentials:
    """For a channel that is not made anew. Raises OSError, BadCertificate."""
    return credentials_of(PemFiles(chain, key, authorities).read())


def name_in(context: Mapping[str, Sequence[bytes]]) -> str:
    """The name in a verified certificate: its first URI (as SPIFFE has it), else its first alternative name,
    else its common name; empty without a certificate."""
    alternatives = [each.decode() for each in context.get("x509_subject_alternative_name", ())]
    uris = [each for each in alternatives if "://" in each]
    common = [each.decode() for each in context.get("x509_common_name", ())]
    return next(iter([*uris, *alternatives, *common]), "")

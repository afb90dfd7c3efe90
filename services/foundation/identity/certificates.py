"""TLS: the server's certificate, read anew when its files change, and whom a client's certificate names."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import grpc

from services.foundation.logs import log

Stamp = tuple[int, ...]


class CertificateFiles:
    """PEM files of one end: its chain, its key, and the authorities that it trusts (None: the system's, and
    on a server nobody's)."""

    def __init__(self, chain: str, key: str, authorities: str = "") -> None:
        self._paths = [Path(path) for path in (chain, key, authorities) if path]
        self._own = Path(chain), Path(key)
        self._authorities = Path(authorities) if authorities else None
        self._stamp: Stamp = ()

    def server(self) -> grpc.ServerCredentials:
        """For a server; with authorities, every client must show a certificate that they signed.

        Raises OSError for a file that cannot be read.
        """
        self._stamp = self._stat()
        return grpc.dynamic_ssl_server_credentials(
            self._configuration(), self._changed, require_client_authentication=self._authorities is not None
        )

    def _changed(self) -> Any:
        """Asked by grpc at each handshake, in a thread of its own: new files, or None for "as before"."""
        try:
            stamp = self._stat()
            if stamp == self._stamp:
                return None
            made = self._configuration()
        except OSError as failed:
            log.warning("cannot read the certificate; the last one stays", why=str(failed))
            return None
        self._stamp = stamp
        return made

    def _configuration(self) -> Any:
        chain, key = (path.read_bytes() for path in self._own)
        trusted = self._authorities.read_bytes() if self._authorities else None
        return grpc.ssl_server_certificate_configuration([(key, chain)], trusted)

    def _stat(self) -> Stamp:
        return tuple(path.stat().st_mtime_ns for path in self._paths)


def channel_credentials(authorities: str, chain: str = "", key: str = "") -> grpc.ChannelCredentials:
    """For a client that trusts `authorities` and, if told so, shows a certificate. Raises OSError."""
    return grpc.ssl_channel_credentials(
        Path(authorities).read_bytes() if authorities else None,
        Path(key).read_bytes() if key else None,
        Path(chain).read_bytes() if chain else None,
    )


def name_in(context: Mapping[str, Sequence[bytes]]) -> str:
    """The name in a verified certificate: its first URI (as SPIFFE has it), else its first alternative name,
    else its common name; empty without a certificate."""
    alternatives = [each.decode() for each in context.get("x509_subject_alternative_name", ())]
    uris = [each for each in alternatives if "://" in each]
    common = [each.decode() for each in context.get("x509_common_name", ())]
    return next(iter([*uris, *alternatives, *common]), "")

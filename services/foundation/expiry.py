"""When the certificates of a process expire, for its metrics."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from cryptography import x509

from services.foundation.access_settings import AccessSettings
from services.foundation.logs import log


class Expiries:
    """Reads the files that settings name, at each scrape, and parses those that have changed since. A file
    that cannot be read shows nothing, and is told once."""

    def __init__(self, settings: AccessSettings) -> None:
        named = {
            name: getattr(settings, name)
            for name in ("tls_certificate", "tls_client_authorities", "tls_authorities")
        }
        self._paths = {name: Path(path) for name, path in named.items() if path}
        self._known: dict[str, tuple[int, float | None]] = {}

    def read(self) -> Iterator[tuple[tuple[str], float]]:
        """By setting: when the first certificate of its file expires, in seconds since 1970."""
        for name, path in self._paths.items():
            expires = self._expires(name, path)
            if expires is not None:
                yield (name,), expires

    def _expires(self, name: str, path: Path) -> float | None:
        stamp = path.stat().st_mtime_ns if path.exists() else 0
        known = self._known.get(name)
        if known is None or known[0] != stamp:
            known = self._known[name] = stamp, _first_of(name, path)
        return known[1]


def _first_of(name: str, path: Path) -> float | None:
    try:
        return first(x509.load_pem_x509_certificates(path.read_bytes()))
    except (OSError, ValueError) as unreadable:
        log.warning("cannot tell when a certificate expires", setting=name, why=str(unreadable))
        return None


def first(certificates: Sequence[x509.Certificate]) -> float:
    """When the first of them expires: with any of a chain the whole chain is worth nothing."""
    return min(one.not_valid_after_utc.timestamp() for one in certificates)

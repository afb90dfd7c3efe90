"""PEM files of one end of TLS, read anew when they change: a pair that is half written stays unused."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from services.foundation.logs import log

Stamp = tuple[tuple[int, int, int], ...]


class BadCertificate(ValueError):
    """A file that is not what it should be, or two that do not belong together; the message names them."""


class Pem(NamedTuple):
    """What the files held when they were read. Without authorities clients trust the system's, servers
    nobody's."""

    chain: bytes
    key: bytes
    authorities: bytes | None


class PemFiles:
    """A chain with its key, or authorities that are trusted, or all three; empty paths for what there is
    not."""

    def __init__(self, chain: str = "", key: str = "", authorities: str = "") -> None:
        given = {"chain": chain, "key": key, "authorities": authorities}
        self._paths = {name: Path(path) for name, path in given.items() if path}
        self._used: Stamp = ()
        self._refused: Stamp = ()
        self._told = ""

    def read(self) -> Pem:
        """What they hold now. Raises OSError, BadCertificate."""
        # Before the content: what is written meanwhile is then read twice rather than missed.
        stamp = self._stamp()
        found = _checked(self._paths)
        self._used = stamp
        return found

    def renewed(self) -> Pem | None:
        """What they hold, if that is new since it was read last, and whole; else None. What does not fit
        together is logged once and looked at again when a file changes."""
        stamp: Stamp = ()
        try:
            stamp = self._stamp()
            if stamp in (self._used, self._refused):
                return None
            found = _checked(self._paths)
        except (OSError, BadCertificate) as wrong:
            self._refused = stamp
            self._tell(str(wrong))
            return None
        self._used, self._told = stamp, ""
        log.info("new certificates are used from now on", files=[str(path) for path in self._paths.values()])
        return found

    def _tell(self, why: str) -> None:
        if why != self._told:
            log.error("the new certificates are not used; those of before stay", why=why)
            self._told = why

    def _stamp(self) -> Stamp:
        # The inode too: a file that is moved into its place may be older than the one that it replaces.
        states = [path.stat() for path in self._paths.values()]
        return tuple((state.st_mtime_ns, state.st_size, state.st_ino) for state in states)


def _checked(paths: Mapping[str, Path]) -> Pem:
    content = {name: path.read_bytes() for name, path in paths.items()}
    for name in ("chain", "authorities"):
        if name in content:
            _certificates(content[name], paths[name])
    if "chain" in content and "key" in content:
        first = _certificates(content["chain"], paths["chain"])[0]
        if _key(content["key"], paths["key"]).public_key() != first.public_key():
            raise BadCertificate(f"the key in {paths['key']} is not that of {paths['chain']}")
    return Pem(content.get("chain", b""), content.get("key", b""), content.get("authorities"))


def _certificates(content: bytes, path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(content)
    except ValueError:
        raise BadCertificate(f"{path} holds no certificate, or only a part of one") from None


def _key(content: bytes, path: Path) -> PrivateKeyTypes:
    try:
        return load_pem_private_key(content, None)
    except TypeError:
        raise BadCertificate(f"the key in {path} is encrypted; none with a password can be used") from None
    except (ValueError, UnsupportedAlgorithm):
        # Not what the library says: it may quote.
        raise BadCertificate(f"{path} holds no private key, or only a part of one") from None

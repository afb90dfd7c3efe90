"""The certificate that a server shows, and what of TLS is in the way of who asks it."""

import asyncio
import ssl
from typing import NamedTuple

from cryptography import x509
from cryptography.x509.oid import NameOID

from services.cli.doctor.facts import Certificate
from services.cli.settings import CliSettings

SECONDS = 2.0


class Shake(NamedTuple):
    """A handshake that both sides were content with: the server's certificate, and whether it hung up then,
    as one does that wants a certificate of ours too."""

    encoded: bytes
    hung_up: bool


async def hindrance(address: str, settings: CliSettings) -> str:
    """What of TLS is in the way to host:port; empty where nothing is, or nobody is there. Raises OSError for
    authorities that cannot be read."""
    there = await shown(address, settings.tls_authorities)
    if there is None:
        clear = settings.tls_authorities and await _listens(address)
        return "it does not speak TLS, and --ca asks for it" if clear else ""
    if not settings.tls_authorities:
        return "it speaks TLS; --ca FILE says whom you trust"
    if there.trouble:
        return f"its certificate is not trusted ({there.trouble})"
    if not there.wants_ours:
        return ""
    if not settings.tls_client_authorities:
        return "it wants a certificate of yours; --cert FILE and --key FILE say which"
    return "it wants a certificate of yours; it may not trust the one of --cert"


async def shown(address: str, authorities: str) -> Certificate | None:
    """What the server at host:port shows; None where it does not speak TLS, or nobody is there. Whether it is
    trusted is asked of `authorities`, a file, where there is one. Raises OSError for a file that cannot be
    read."""
    anyone = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anyone.check_hostname = False
    # Looked at, not relied upon: nothing is said over this connection.
    anyone.verify_mode = ssl.CERT_NONE
    try:
        shake = await _shaken(address, anyone)
    except OSError:
        return None
    found = x509.load_der_x509_certificate(shake.encoded)
    begins, ends = found.not_valid_before_utc.timestamp(), found.not_valid_after_utc.timestamp()
    doubt = await _doubt(address, authorities) if authorities else ""
    return Certificate(_names(found), begins, ends, doubt, shake.hung_up)


async def _doubt(address: str, authorities: str) -> str:
    """Why it is not trusted; empty where it is."""
    context = ssl.create_default_context(cafile=authorities)
    # As grpc does it: authorities of a company's own say less of themselves than strictness wants.
    context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
    try:
        await _shaken(address, context)
    except ssl.SSLCertVerificationError as refused:
        return refused.verify_message
    except OSError:
        # A server that wants our certificate may hang up after ours was satisfied with its own.
        return ""
    return ""


async def _listens(address: str) -> bool:
    host, port = _parted(address)
    try:
        async with asyncio.timeout(SECONDS):
            _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    return True


async def _shaken(address: str, context: ssl.SSLContext) -> Shake:
    host, port = _parted(address)
    context.set_alpn_protocols(["h2"])
    async with asyncio.timeout(SECONDS):
        reader, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=host)
    try:
        tls: ssl.SSLObject = writer.get_extra_info("ssl_object")
        return Shake(tls.getpeercert(binary_form=True) or b"", await _hung_up(reader))
    finally:
        writer.close()


async def _hung_up(reader: asyncio.StreamReader) -> bool:
    # In TLS 1.3 a server looks at our certificate after we think that all is done; in HTTP/2 it speaks first.
    try:
        async with asyncio.timeout(SECONDS):
            return not await reader.read(1)
    except TimeoutError:
        return False
    except OSError:
        return True


def _parted(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def _names(found: x509.Certificate) -> list[str]:
    try:
        told = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return [str(one.value) for one in found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    return [*told.get_values_for_type(x509.DNSName), *map(str, told.get_values_for_type(x509.IPAddress))]

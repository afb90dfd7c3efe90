"""The certificate that a server shows."""

import asyncio
import ssl

from cryptography import x509
from cryptography.x509.oid import NameOID

from services.cli.doctor.facts import Certificate

SECONDS = 2.0


async def shown(address: str, authorities: str) -> Certificate | None:
    """What the server at host:port shows; None where it does not speak TLS, or nobody is there. Whether it is
    trusted is asked of `authorities`, a file, where there is one. Raises OSError for a file that cannot be
    read."""
    anyone = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anyone.check_hostname = False
    # Looked at, not relied upon: nothing is said over this connection.
    anyone.verify_mode = ssl.CERT_NONE
    try:
        encoded = await _shaken(address, anyone)
    except OSError:
        return None
    if not encoded:
        return None
    found = x509.load_der_x509_certificate(encoded)
    begins, ends = found.not_valid_before_utc.timestamp(), found.not_valid_after_utc.timestamp()
    return Certificate(_names(found), begins, ends, await _doubt(address, authorities) if authorities else "")


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


async def _shaken(address: str, context: ssl.SSLContext) -> bytes | None:
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    context.set_alpn_protocols(["h2"])
    async with asyncio.timeout(SECONDS):
        _, writer = await asyncio.open_connection(host, int(port), ssl=context, server_hostname=host)
    tls: ssl.SSLObject = writer.get_extra_info("ssl_object")
    writer.close()
    return tls.getpeercert(binary_form=True)


def _names(found: x509.Certificate) -> list[str]:
    try:
        told = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return [str(one.value) for one in found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    return [*told.get_values_for_type(x509.DNSName), *map(str, told.get_values_for_type(x509.IPAddress))]

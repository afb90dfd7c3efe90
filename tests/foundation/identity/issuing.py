"""An issuer of tokens for tests: keys, a key set that real HTTP serves, tokens right and wrong."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

ISSUER, AUDIENCE = "https://issuer.test", "turnout"


class Key:
    """A private key with a name."""

    def __init__(self, kid: str, algorithm: str = "ES256") -> None:
        self.kid = kid
        self.algorithm = algorithm
        self.private: Any = {
            "RS256": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
            "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
            "EdDSA": ed25519.Ed25519PrivateKey.generate,
        }[algorithm]()

    def jwk(self, **more: Any) -> dict[str, Any]:
        """Its public half."""
        made = jwt.get_algorithm_by_name(self.algorithm).to_jwk(self.private.public_key(), as_dict=True)
        return {**made, "kid": self.kid, "use": "sig", **more}

    def pem(self) -> bytes:
        """Its public half as PEM: the text that a confused verifier takes for a shared secret."""
        shape = serialization.PublicFormat.SubjectPublicKeyInfo
        encoded: bytes = self.private.public_key().public_bytes(serialization.Encoding.PEM, shape)
        return encoded

    def token(self, user: str = "ann", *, headers: dict[str, Any] | None = None, **claims: Any) -> str:
        """A token for `user`; a claim of None is left out."""
        said = {"sub": user, "iss": ISSUER, "aud": AUDIENCE, "exp": time.time() + 600, **claims}
        kept = {name: value for name, value in said.items() if value is not None}
        named = {"kid": self.kid} if headers is None else headers
        return jwt.encode(kept, self.private, self.algorithm, headers=named)


def forged(header: dict[str, Any], claims: dict[str, Any], secret: bytes | None = None) -> str:
    """A token made by hand: unsigned, or with HMAC under `secret`, which no library would do for us."""
    parts = [encoded(json.dumps(part).encode()) for part in (header, claims)]
    signed = ".".join(parts).encode()
    signature = b"" if secret is None else hmac.new(secret, signed, hashlib.sha256).digest()
    return ".".join([*parts, encoded(signature)])


def encoded(raw: bytes) -> str:
    """base64url, without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Jwks:
    """What the server answers with; `asked` counts."""

    def __init__(self, *keys: Key) -> None:
        self.keys = list(keys)
        self.body: bytes | None = None
        self.status = 200
        self.asked = 0
        self.url = ""

    def document(self) -> bytes:
        """The key set, or what a test put in its place."""
        return self.body or json.dumps({"keys": [key.jwk() for key in self.keys]}).encode()


@contextmanager
def serving(jwks: Jwks) -> Iterator[Jwks]:
    """Serve it on a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            jwks.asked += 1
            body = jwks.document()
            self.send_response(jwks.status)
            if jwks.status == 302:
                self.send_header("Location", f"{jwks.url}?again")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Tests are quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    jwks.url = f"http://127.0.0.1:{server.server_port}/keys"
    try:
        yield jwks
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

"""What every process can be told about who may call it."""

from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

# Signatures that a public key verifies: with a shared secret, who checks a token could also make one.
Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"
]  # fmt: skip

SHORTEST_SECRET = 32


class AccessSettings(BaseSettings):
    """Part of the settings of every process."""

    access_mode: Literal["open", "enforced"] = "open"
    """open: everybody is an administrator, and only loopback is served. enforced: callers say who they are,
    by API key, token or certificate, and may do what owners and permissions allow."""
    access_service_token: SecretStr = Field(SecretStr(""), max_length=1024)
    """Secret that the suite's processes know each other by, the same in all of them, at least 32 characters;
    `turnout up` makes one for each run. Needed where access is enforced."""
    access_service_token_also: SecretStr = Field(SecretStr(""), max_length=1024)
    """Another service token, accepted and never sent, to change the first without an outage: the next one
    here, in all processes; then the two exchanged; then nothing here."""
    access_bootstrap_key: SecretStr = Field(SecretStr(""), max_length=1024)
    """An administrator's API key, at least 32 characters, to create the first real ones with; remove it
    then."""
    access_admins: list[str] = []
    """Users who are administrators when a token or a certificate names them; API keys say it themselves."""
    jwt_keys: str = ""
    """Key set that tokens are verified with: an https URL (http on loopback) or a file; empty: no tokens."""
    jwt_issuer: str = ""
    """What tokens must name as their issuer (iss)."""
    jwt_audience: str = ""
    """What tokens must name as, or among, their audience (aud)."""
    jwt_algorithms: list[Algorithm] = Field(["RS256", "ES256", "EdDSA"], min_length=1)
    """Signatures that are accepted."""
    jwt_user_claim: str = Field("sub", min_length=1)
    """Claim that holds the user's id."""
    jwt_admin_claim: str = ""
    """Claim that makes an administrator if it is, or is a list with, jwt_admin_value; empty: none does."""
    jwt_admin_value: str = ""
    """See jwt_admin_claim."""
    jwt_refresh_seconds: float = Field(300.0, ge=1)
    """How often the key set is fetched; an unknown key has it fetched at once, at most every 10 s."""
    tls_certificate: str = ""
    """File of the server's certificate chain (PEM); empty: no TLS. New content is used without a restart."""
    tls_key: str = ""
    """File of its private key."""
    tls_client_authorities: str = ""
    """File of the authorities whose certificates clients must show (mTLS); empty: clients show none."""
    clear_text: bool = False
    """Allow another address than loopback without TLS although callers send credentials: for where something
    else encrypts what comes here, such as a mesh."""
    tls_authorities: str = ""
    """File of the authorities that this process trusts when it calls the others; empty: no TLS to them."""

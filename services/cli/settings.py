"""What the command line can be told in the environment, under TURNOUT_CLI_, or in the file, under `cli:`."""

from pydantic import Field, SecretStr

from services.foundation.settings import Settings


class CliSettings(Settings):
    """Settings of the supervisor, and of the commands that ask a running suite."""

    first_model_port: int = Field(50061, ge=1, le=65535)
    """Port of the first model server of `up --fleet`; the others follow."""
    with_gateway: bool = True
    """Whether `up` puts a gateway before the services, where Envoy is installed."""
    key: SecretStr = SecretStr("")
    """API key or token that commands show to a suite that enforces access."""
    ready_file: str = ""
    """Ready file of the suite that commands ask: what `up --ready-file` wrote."""
    router: str = ""
    """Address of the router that commands ask, as host:port; empty: that of the ready file, of the suite that
    runs in this directory, or of the router's own settings."""
    aggregator: str = ""
    """The same of the aggregator."""
    feedback: str = ""
    """The same of feedback."""
    drift: str = ""
    """The same of drift."""

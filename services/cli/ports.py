"""Which ports a suite listens on."""

import errno
import random
import socket

HOST = "127.0.0.1"

# Below the range from which Linux takes the ports of outgoing connections: one of those could take a port
# between our looking and the service's binding it.
FREE = range(20_000, 32_000)


class PortTakenError(RuntimeError):
    """Something else listens on a port that the suite needs."""

    def __init__(self, host: str, port: int, user: str, setting: str) -> None:
        super().__init__(
            f"port {port} on {host}, which {user} needs, is taken; end what listens there, set {setting} to "
            f"another port, or use --ephemeral"
        )
        self.port = port
        self.setting = setting


def taken(host: str, port: int) -> bool:
    """Whether somebody listens on the port. Connections of the past do not count."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as refused:
            if refused.errno == errno.EADDRINUSE:
                return True
            raise
    return False


def require(host: str, port: int, user: str, setting: str) -> int:
    """The port, if it can be had. Raises PortTakenError."""
    if taken(host, port):
        raise PortTakenError(host, port, user, setting)
    return port


class FreePorts:
    """Hands out free ports, each once."""

    def __init__(self, rng: random.Random, host: str = HOST) -> None:
        self._rng = rng
        self._host = host
        self._given: set[int] = set()

    def take(self) -> int:
        """A port that nobody listens on now."""
        while True:
            port = self._rng.choice(FREE)
            if port not in self._given and not taken(self._host, port):
                self._given.add(port)
                return port

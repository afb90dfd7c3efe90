"""Ports that are taken, and ports that are free."""

import random
import socket
from collections.abc import Iterator

import pytest

from services.cli.ports import FREE, HOST, FreePorts, PortTakenError, require, taken


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A stranger on a port."""
    server = socket.create_server((HOST, 0))
    yield server
    server.close()


def test_a_port_that_somebody_listens_on_is_taken(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    assert taken(HOST, port)
    with pytest.raises(PortTakenError) as refused:
        require(HOST, port, "router", "TURNOUT_ROUTER_PORT")
    assert f"port {port} on 127.0.0.1, which router needs, is taken" in str(refused.value)
    assert "TURNOUT_ROUTER_PORT" in str(refused.value)


def test_a_port_is_free_again_although_connections_of_the_past_linger(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    with socket.create_connection((HOST, port)):
        server_side, _ = listener.accept()
        server_side.close()
    listener.close()
    assert not taken(HOST, port)


def test_free_ports_are_given_once_and_never_while_taken() -> None:
    free = FreePorts(random.Random(1))
    first = random.Random(1).choice(FREE)
    with socket.create_server((HOST, first)):
        given = [free.take() for _ in range(50)]
    assert len(set(given)) == 50
    assert first not in given

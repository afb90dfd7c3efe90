"""A servicer that does not fit its contract is refused when the server is made."""

from typing import Any

import pytest

from services.foundation.contract import UnknownService
from services.foundation.handlers import Servicer, WrongServicer, missing_methods
from services.foundation.server import Server
from services.foundation.settings import Settings
from tests.foundation.echo import POOL, SERVICE, Echo


class Stranger:
    SERVICE = SERVICE

    async def Sya(self, request: Any, _call: Any) -> Any:
        return request


class NotAStream:
    SERVICE = SERVICE

    async def Count(self, request: Any, _call: Any) -> Any:
        return request


class NotAsync:
    SERVICE = SERVICE

    def Say(self, request: Any, _call: Any) -> Any:
        return request


class RawStranger:
    SERVICE = SERVICE
    RAW = frozenset({"Sya"})


class NoContract:
    SERVICE = "turnout.test.v1.OtherService"


@pytest.mark.parametrize(
    ("servicer", "error", "said"),
    [
        (
            Stranger(),
            WrongServicer,
            "Stranger.Sya is no method of turnout.test.v1.EchoService; it has Absent",
        ),
        (RawStranger(), WrongServicer, "RawStranger.Sya is no method"),
        (NotAStream(), WrongServicer, "NotAStream.Count must be an async generator"),
        (NotAsync(), WrongServicer, "NotAsync.Say must be async def"),
        (NoContract(), UnknownService, "import its generated module first"),
    ],
)
async def test_is_refused(servicer: Servicer, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        Server([servicer], Settings(), pool=POOL)


def test_the_missing_methods_are_known() -> None:
    assert missing_methods(Echo(), POOL) == [f"{SERVICE}/Absent", f"{SERVICE}/AbsentStream"]

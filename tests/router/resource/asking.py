"""Asking a desk's management services, and what refusals say."""

from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from turnout.router.v1 import ensemble_service_pb2, model_service_pb2, router_service_pb2
from turnout.router.v1.router_pb2 import Router

from services.foundation.errors import RemoteError
from tests.router.conftest import Desk

MESSAGES: dict[str, Any] = {
    "RouterService": router_service_pb2,
    "ModelService": model_service_pb2,
    "EnsembleService": ensemble_service_pb2,
}


async def ask(desk: Desk, method: str, /, **fields: Any) -> Any:
    """`Service/Method` with a request of these fields; RouterService where none is named."""
    service, _, name = f"RouterService/{method}".rpartition("/")
    service = service.removeprefix("RouterService/") if "/" in method else service
    return await desk.call(f"{service}/{name}", getattr(MESSAGES[service], f"{name}Request")(**fields))


async def refusal(desk: Desk, method: str, /, **fields: Any) -> RemoteError:
    """The error of a call that must fail."""
    with pytest.raises(RemoteError) as caught:
        await ask(desk, method, **fields)
    return caught.value


def fields_of(error: RemoteError) -> list[str]:
    """The fields that an error names."""
    return [one.field for one in error.fields]


async def update(desk: Desk, router: Router, *paths: str, **how: Any) -> Router:
    """UpdateRouter with a mask of `paths`; without any, of what is populated."""
    mask = FieldMask(paths=paths)
    return (await ask(desk, "UpdateRouter", router=router, update_mask=mask, **how)).router  # type: ignore[no-any-return]


async def refused_update(desk: Desk, router: Router, *paths: str, **how: Any) -> RemoteError:
    """The same, refused."""
    return await refusal(desk, "UpdateRouter", router=router, update_mask=FieldMask(paths=paths), **how)


async def read(desk: Desk, name: str) -> Router:
    """A router as it is stored."""
    return (await ask(desk, "GetRouter", name=name)).router  # type: ignore[no-any-return]

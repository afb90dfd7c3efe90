"""The kinds of resources that the catalog holds."""

import hashlib
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router

from services.foundation.errors import NotFound
from services.state.errors import ModelNotFound, RouterNotFound

M = TypeVar("M", bound=Router | Model)


@dataclass(frozen=True, slots=True)
class Kind(Generic[M]):
    """A kind of resource.

    name: its collection, also how the change stream calls it; soft: a deleted one can be taken back.
    """

    name: str
    message: type[M]
    not_found: type[NotFound]
    soft: bool

    def parse(self, blob: bytes) -> M:
        """A stored message."""
        message = self.message()
        message.ParseFromString(blob)
        return message

    def copy(self, message: M) -> M:
        """A message of its own, to change."""
        made: Any = self.message()
        made.CopyFrom(message)
        return cast("M", made)

    def etag(self, message: M) -> str:
        """A digest of the message, quoted as HTTP wants it."""
        bare = self.copy(message)
        bare.etag = ""
        digest = hashlib.blake2b(bare.SerializeToString(deterministic=True), digest_size=8)
        return f'"{digest.hexdigest()}"'

    def missing(self, name: str, field: str) -> NotFound:
        """The error for a resource that does not exist and that `field` of the request names."""
        offered = f"a {self.name.removesuffix('s')} that exists"
        return self.not_found(f"there is no {name}", fields=[(field, offered)], name=name)

    def is_deleted(self, message: M) -> bool:
        """Whether it was deleted softly."""
        return bool(self.deleted_at(message))

    def deleted_at(self, message: M) -> float:
        """When it was deleted softly, in seconds since 1970; 0 if it was not."""
        if isinstance(message, Router) and message.HasField("delete_time"):
            return message.delete_time.ToNanoseconds() / 1e9
        return 0.0


ROUTERS: Kind[Router] = Kind("routers", Router, RouterNotFound, soft=True)
MODELS: Kind[Model] = Kind("models", Model, ModelNotFound, soft=False)

KINDS: dict[str, Kind[Any]] = {kind.name: kind for kind in (MODELS, ROUTERS)}

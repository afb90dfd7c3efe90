"""What reflection tells of the contract: comments, and the names of JSON, which generated modules have
lost.

Without the latter, clients that go by descriptors (grpcurl) write `prediction_id` and refuse
`predictionId`, where those that derive them (buf) do it the other way round.
"""

import importlib.util
from functools import cached_property
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pool
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

# The package of the generated code.
CONTRACT = "turnout"


class Described:
    """A pool as reflection reads it, whose files are told as the build wrote them, where it did. They are
    read when somebody first asks."""

    def __init__(self, pool: descriptor_pool.DescriptorPool | None = None) -> None:
        self._pool: Any = pool or descriptor_pool.Default()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)

    def FindFileByName(self, name: str) -> "ToldFile":
        """Raises KeyError."""
        return ToldFile(self._pool.FindFileByName(name), self._written)

    def FindFileContainingSymbol(self, symbol: str) -> "ToldFile":
        """Also of a method, which pools do not look for. Raises KeyError."""
        try:
            file = self._pool.FindFileContainingSymbol(symbol)
        except KeyError:
            service, _, method = symbol.rpartition(".")
            file = self._pool.FindServiceByName(service).methods_by_name[method].containing_service.file
        return ToldFile(file, self._written)

    @cached_property
    def _written(self) -> dict[str, FileDescriptorProto]:
        # Beside the generated code, whatever that is of: a process whose contract was not built has none.
        package = importlib.util.find_spec(CONTRACT)
        places = (package.submodule_search_locations if package else None) or ()
        path = next((found for place in places if (found := Path(place) / "contract.binpb").exists()), None)
        if path is None:
            return {}
        return {file.name: _short(file) for file in FileDescriptorSet.FromString(path.read_bytes()).file}


class ToldFile:
    """A file, with what the servicer of reflection asks of one."""

    def __init__(self, file: FileDescriptor, written: dict[str, FileDescriptorProto]) -> None:
        self.name = file.name
        self._file = file
        self._written = written

    @property
    def dependencies(self) -> list["ToldFile"]:
        """The files that it imports."""
        return [ToldFile(file, self._written) for file in self._file.dependencies]

    def CopyToProto(self, proto: FileDescriptorProto) -> None:
        """Write it to `proto`."""
        if self.name in self._written:
            proto.CopyFrom(self._written[self.name])
        else:
            self._file.CopyToProto(proto)


def _short(file: FileDescriptorProto) -> FileDescriptorProto:
    """Without the places in a file that say nothing: they are most of them."""
    said = [one for one in file.source_code_info.location if one.leading_comments or one.trailing_comments]
    told = [type(one)(path=one.path, span=one.span, leading_comments=one.leading_comments) for one in said]
    del file.source_code_info.location[:]
    file.source_code_info.location.extend(told)
    return file

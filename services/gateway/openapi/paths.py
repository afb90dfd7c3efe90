"""Templates of annotations as paths of OpenAPI, which has no patterns: `/v1/{name=routers/*}:deploy` is
`/v1/routers/{router}:deploy`."""

import re
from typing import NamedTuple

_VARIABLE = re.compile(r"\{([\w.]+)(?:=([^}]+))?\}")


class Path(NamedTuple):
    """A path with its parameters; `fields` are those of the request that the path sets."""

    path: str
    parameters: list[str]
    fields: list[str]


def path_of(template: str) -> Path:
    """The path of a template. A segment `*` is named by the collection before it, in the singular."""
    parameters, fields = list[str](), list[str]()

    def put(variable: re.Match[str]) -> str:
        fields.append(variable[1])
        if variable[2] is None:
            parameters.append(variable[1])
            return f"{{{variable[1]}}}"
        segments = variable[2].split("/")
        for place, segment in enumerate(segments):
            if segment.startswith("*"):
                parameters.append(segments[place - 1].removesuffix("s"))
                segments[place] = f"{{{parameters[-1]}}}"
        return "/".join(segments)

    return Path(_VARIABLE.sub(put, template), parameters, fields)

"""What the gateway itself answers where no service does: google.rpc.Status as JSON, as services answer."""

from typing import Any, NamedTuple

from services.gateway.names import Config

DETAILS = "type.googleapis.com/google.rpc."
# What Envoy says by itself.
AS_IT_IS = "%LOCAL_REPLY_BODY%"


class Answer(NamedTuple):
    """An HTTP code, the code of google.rpc.Code that goes with it, the reason as services name it, and what
    is said."""

    http: int
    code: int
    reason: str
    said: str = AS_IT_IS


NOWHERE = "nothing is served at this path with this method; /openapi.json lists what is"
TOO_MUCH = "the body is larger than the gateway takes (its settings request_bytes and response_bytes)"
TOO_OFTEN = "more requests than the gateway lets in (its settings requests_per_second and ..._per_client)"
TOO_LATE = "the deadline, which grpc-timeout says, passed at the gateway before the service had answered"
AWAY = (
    "the service does not answer, or went away before it had answered; what was asked may or may not be done"
)
# As long as the header retry-after of such an answer says.
RETRY_SECONDS = 1

ANSWERS = (
    Answer(400, 3, "INVALID_ARGUMENT"),
    Answer(401, 16, "UNAUTHENTICATED"),
    Answer(403, 7, "PERMISSION_DENIED"),
    Answer(404, 5, "NOT_FOUND", NOWHERE),
    Answer(408, 4, "DEADLINE_EXCEEDED"),
    Answer(413, 8, "TOO_LARGE", TOO_MUCH),
    Answer(429, 8, "TOO_MANY_REQUESTS", TOO_OFTEN),
    Answer(431, 8, "TOO_LARGE"),
    Answer(500, 13, "INTERNAL"),
    Answer(502, 14, "SERVICE_UNAVAILABLE", AWAY),
    Answer(503, 14, "SERVICE_UNAVAILABLE", AWAY),
    Answer(504, 4, "DEADLINE_EXCEEDED", TOO_LATE),
)


def local_replies() -> Config:
    """One mapper per code. gRPC callers are left alone: their status travels in headers. A request that came
    as REST is known by the path that it had, as it may have become gRPC on its way."""
    return {"mappers": [_mapper(answer) for answer in ANSWERS]}


def _mapper(answer: Answer) -> Config:
    details = [{"@type": f"{DETAILS}ErrorInfo", "reason": answer.reason, "domain": "turnout"}]
    if answer.http == 429:
        details.append({"@type": f"{DETAILS}RetryInfo", "retry_delay": f"{RETRY_SECONDS}s"})
    return {
        "filter": {"and_filter": {"filters": [_status(answer.http), _came_as_rest()]}},
        "body_format_override": {
            "json_format": {"code": answer.code, "message": answer.said, "details": details},
            "content_type": "application/json",
        },
    }


def _status(code: int) -> dict[str, Any]:
    value = {"default_value": code, "runtime_key": "turnout_status"}
    return {"status_code_filter": {"comparison": {"op": "EQ", "value": value}}}


def _came_as_rest() -> dict[str, Any]:
    no_grpc = {
        "name": "content-type",
        "string_match": {"prefix": "application/grpc"},
        "invert_match": True,
        "treat_missing_header_as_empty": True,
    }
    became_grpc = {"name": "x-envoy-original-path", "present_match": True}
    either = [{"header_filter": {"header": header}} for header in (no_grpc, became_grpc)]
    return {"or_filter": {"filters": either}}

"""What the gateway itself answers where no service does: google.rpc.Status as JSON, as services answer."""

from typing import Any, NamedTuple

from services.gateway.names import Config

INFO = "type.googleapis.com/google.rpc.ErrorInfo"


class Answer(NamedTuple):
    """An HTTP code, the code of google.rpc.Code that goes with it, and the reason as services name it."""

    http: int
    code: int
    reason: str


ANSWERS = (
    Answer(400, 3, "INVALID_ARGUMENT"),
    Answer(401, 16, "UNAUTHENTICATED"),
    Answer(403, 7, "PERMISSION_DENIED"),
    Answer(404, 5, "NOT_FOUND"),
    Answer(408, 4, "DEADLINE_EXCEEDED"),
    Answer(413, 8, "TOO_LARGE"),
    Answer(429, 8, "TOO_MANY_REQUESTS"),
    Answer(431, 8, "TOO_LARGE"),
    Answer(500, 13, "INTERNAL"),
    Answer(502, 14, "SERVICE_UNAVAILABLE"),
    Answer(503, 14, "SERVICE_UNAVAILABLE"),
    Answer(504, 4, "DEADLINE_EXCEEDED"),
)


def local_replies() -> Config:
    """One mapper per code. gRPC callers are left alone: their status travels in headers."""
    return {"mappers": [_mapper(answer) for answer in ANSWERS]}


def _mapper(answer: Answer) -> Config:
    info = {"@type": INFO, "reason": answer.reason, "domain": "turnout"}
    return {
        "filter": {"and_filter": {"filters": [_status(answer.http), _no_grpc()]}},
        "body_format_override": {
            "json_format": {"code": answer.code, "message": "%LOCAL_REPLY_BODY%", "details": [info]},
            "content_type": "application/json",
        },
    }


def _status(code: int) -> dict[str, Any]:
    value = {"default_value": code, "runtime_key": "turnout_status"}
    return {"status_code_filter": {"comparison": {"op": "EQ", "value": value}}}


def _no_grpc() -> dict[str, Any]:
    header = {
        "name": "content-type",
        "string_match": {"prefix": "application/grpc"},
        "invert_match": True,
        "treat_missing_header_as_empty": True,
    }
    return {"header_filter": {"header": header}}

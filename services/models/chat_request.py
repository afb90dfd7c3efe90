"""What a chat model is asked: Turnout's input as the JSON body of a chat completion."""

import json
import math
from typing import Any

from google.protobuf.json_format import MessageToDict
from turnout.inference.v1.input_pb2 import ChatInput, ChatMessage, Input, Sampling

from services.models.errors import InputMismatch
from services.models.problems import Problems
from services.models.signature import Request

ROLES = ("system", "developer", "user", "assistant", "tool")


def chat_request(model: str, settings: dict[str, Any], given: Input) -> Request:
    """`settings` are the members that do not change between calls. Raises InputMismatch about `model` with a
    path per problem."""
    problems = Problems()
    body: dict[str, Any] = dict(settings)
    match given.WhichOneof("kind"):
        case "text":
            body["messages"] = [{"role": "user", "content": given.text}]
        case "chat":
            body.update(_chat(given.chat, problems))
        case kind:
            problems.add("input", f"chat or text expected, got {kind or 'nothing'}")
    problems.settle(InputMismatch, f"the input does not fit {model}", model)
    return Request(json.dumps(body, ensure_ascii=False).encode(), 1)


def _chat(chat: ChatInput, problems: Problems) -> dict[str, Any]:
    if not chat.messages:
        problems.add("input.chat.messages", "at least one message expected")
    body: dict[str, Any] = {
        "messages": [_message(message, index, problems) for index, message in enumerate(chat.messages)]
    }
    if chat.tools:
        body["tools"] = [MessageToDict(tool) for tool in chat.tools]
    if chat.HasField("response_format"):
        body["response_format"] = MessageToDict(chat.response_format)
    body.update(sampling_settings(chat.sampling, "input.chat.sampling", problems))
    return body


def _message(message: ChatMessage, index: int, problems: Problems) -> dict[str, str]:
    if message.role not in ROLES:
        told = f"one of {', '.join(ROLES)} expected, got '{message.role[:40]}'"
        problems.add(f"input.chat.messages[{index}].role", told)
    said = {"role": message.role, "content": message.content}
    if message.name:
        said["name"] = message.name
    if message.tool_call_id:
        said["tool_call_id"] = message.tool_call_id
    return said


def sampling_settings(sampling: Sampling, path: str, problems: Problems) -> dict[str, Any]:
    """As members of the request's body, and only what is set: the rest is the model's own default."""
    if not (math.isfinite(sampling.temperature) and sampling.temperature >= 0):
        problems.add(f"{path}.temperature", f"a number from 0 expected, got {sampling.temperature}")
    if sampling.HasField("top_p") and not 0 < sampling.top_p <= 1:
        problems.add(f"{path}.top_p", f"a share above 0 and up to 1 expected, got {sampling.top_p}")
    if sampling.HasField("max_tokens") and sampling.max_tokens < 1:
        problems.add(f"{path}.max_tokens", f"a number from 1 expected, got {sampling.max_tokens}")
    names = ("temperature", "top_p", "max_tokens", "seed")
    body: dict[str, Any] = {name: getattr(sampling, name) for name in names if sampling.HasField(name)}
    if sampling.stop:
        body["stop"] = list(sampling.stop)
    return body

"""What a chat model answered: the JSON of a chat completion as an Output, with tokens and confidence."""

import json
import math
from collections.abc import Callable
from typing import Any

from turnout.inference.v1.input_pb2 import ToolCall
from turnout.inference.v1.output_pb2 import Output, TextOutput

from services.models.answer import Reply, malformed
from services.models.misshapen import COMPLETION, complaint
from services.models.openai_usage import count, given_up

# (the choice, its text) -> confidence from 0 to 1, or None.
Confidence = Callable[[dict[str, Any], str], float | None]


def read_chat_reply(raw: bytes, confidence: Confidence) -> Reply:
    """The first choice of a completion. Raises CallFailed when there is none."""
    try:
        body = json.loads(raw)
        given_up(body)
        choice = body["choices"][0]
        message = choice["message"]
        content = message.get("content") or ""
        calls = [_tool_call(call) for call in message.get("tool_calls") or ()]
        text = TextOutput(content=content, tool_calls=calls, finish_reason=choice.get("finish_reason") or "")
        text.refusal = message.get("refusal") or ""
        usage = body.get("usage")
        sure = confidence(choice, content)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        said = complaint(raw, COMPLETION, "texts that UTF-8 can carry expected")
        raise malformed(f"not a chat completion: {said}") from None
    if sure is not None:
        text.confidence = sure
    encoded = Output(text=text).SerializeToString()
    return Reply(encoded, sure, count(usage, "prompt_tokens"), count(usage, "completion_tokens"))


def _tool_call(call: dict[str, Any]) -> ToolCall:
    function = call["function"]
    # Some servers send null, or the arguments as an object and not as its text.
    said = function.get("arguments") or ""
    arguments = said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)
    return ToolCall(id=call.get("id") or "", name=function["name"], arguments=arguments)


def no_confidence(choice: dict[str, Any], content: str) -> float | None:  # noqa: ARG001
    """The model does not say."""
    return None


def from_logprobs(choice: dict[str, Any], content: str) -> float | None:  # noqa: ARG001
    """The geometric mean of the tokens' probabilities; None if the server sent none."""
    # Servers send null where they computed none.
    tokens = (choice.get("logprobs") or {}).get("content") or ()
    if not tokens:
        return None
    mean = math.fsum(float(token["logprob"]) for token in tokens) / len(tokens)
    return math.exp(min(0.0, mean)) if not math.isnan(mean) else None


def from_pointer(pointer: str) -> Confidence:
    """The number that a JSON pointer (RFC 6901) finds in the answer; None where it finds no share of 1."""
    steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]

    def read(choice: dict[str, Any], content: str) -> float | None:  # noqa: ARG001
        try:
            found = json.loads(content)
            for step in steps:
                found = found[int(step)] if isinstance(found, list) else found[step]
        except (ValueError, LookupError, TypeError, RecursionError):
            # The model answered with something else than it was asked for; that is an answer all the same.
            return None
        sound = isinstance(found, int | float) and not isinstance(found, bool) and 0 <= found <= 1
        return float(found) if sound else None

    return read

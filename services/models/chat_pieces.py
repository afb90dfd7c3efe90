"""The pieces of a chat completion, put together again: chunks of JSON in, the text that they add out, and in
the end the completion that the same server would have sent in one."""

import json
from typing import Any

from services.models.answer import malformed
from services.models.misshapen import CHUNK, complaint
from services.models.openai_usage import given_up


class Pieces:
    """What came of a completion so far, its first choice only. `count` is the number of chunks."""

    def __init__(self) -> None:
        self.count = 0
        self.finished = False
        self._content: list[str] = []
        self._refusal: list[str] = []
        self._calls: dict[int, dict[str, Any]] = {}
        self._choice: dict[str, Any] = {}
        self._logprobs: list[Any] = []
        self._usage: Any = None

    def add(self, raw: bytes) -> str:
        """Take a chunk, and return the text that it adds. Raises CallFailed for one that is none, or that
        carries the server's error."""
        self.count += 1
        try:
            chunk = json.loads(raw)
            given_up(chunk)
            self._usage = chunk.get("usage") or self._usage
            first = next((one for one in chunk.get("choices") or () if not one.get("index")), None)
            return "" if first is None else self._add(first)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            said = complaint(raw, CHUNK, "parts that fit those before them expected")
            raise malformed(f"chunk {self.count} is none of a chat completion: {said}") from None

    def _add(self, choice: dict[str, Any]) -> str:
        delta = choice.get("delta") or {}
        if choice.get("finish_reason"):
            self._choice["finish_reason"] = choice["finish_reason"]
            self.finished = True
        self._logprobs += (choice.get("logprobs") or {}).get("content") or ()
        for call in delta.get("tool_calls") or ():
            self._call(call)
        text, refusal = delta.get("content") or "", delta.get("refusal") or ""
        if not (isinstance(text, str) and isinstance(refusal, str)):
            raise TypeError("content")
        self._content.append(text)
        self._refusal.append(refusal)
        return text

    def _call(self, part: dict[str, Any]) -> None:
        """A tool call comes in parts too: id and name in the first, the arguments' text over many."""
        place = part.get("index")
        if place is None:
            # Some servers count nothing: what has an id of its own is a call of its own.
            last = max(self._calls, default=-1)
            fresh = part.get("id") and part["id"] != self._calls.get(last, {}).get("id")
            place = last + 1 if fresh else max(0, last)
        call = self._calls.setdefault(int(place), {"function": {"name": "", "arguments": ""}})
        if part.get("id"):
            call["id"] = part["id"]
        for name, value in (part.get("function") or {}).items():
            if name in call["function"]:
                call["function"][name] += value or ""

    def completion(self) -> bytes:
        """The JSON of the whole, as `chat_reply` reads it."""
        message: dict[str, Any] = {"content": "".join(self._content), "refusal": "".join(self._refusal)}
        if self._calls:
            message["tool_calls"] = [self._calls[place] for place in sorted(self._calls)]
        choice = self._choice | {"message": message}
        if self._logprobs:
            choice["logprobs"] = {"content": self._logprobs}
        return json.dumps({"choices": [choice], "usage": self._usage}).encode()

"""A model that audits an answer, and what its verdict means."""

from dataclasses import dataclass

from turnout.inference.v1.output_pb2 import Output

from services.aggregator.canonical import Json, NotJson, parse_told
from services.aggregator.checks.schema import Schema
from services.aggregator.pointers import compiled, resolve
from services.aggregator.prompts import VERDICT
from services.aggregator.voices import Helper

MIN_SCORE = 0.5
ACCEPT = "/accept"
# Characters of a verifier's reason: whoever answers again reads it, and failures quote several.
LONGEST_REASON = 400


class NoVerdict(Exception):
    """The verifier answered, and the answer is no verdict."""


@dataclass(frozen=True, slots=True)
class Verifier:
    """`schema` is that of the verdict; `pointer` leads to a boolean in it, or to a score of 0 to 1, which
    accepts from `min_score`. `accept_labels` are those of a classifier."""

    helper: Helper
    schema: Schema
    rubric: str = ""
    pointer: str = ACCEPT
    min_score: float = MIN_SCORE
    accept_labels: frozenset[str] = frozenset()

    def unread(self, *, chat: bool) -> list[str]:
        """The fields that are given, and that a verifier of this kind does not read."""
        if chat:
            return ["accept_labels"] if self.accept_labels else []
        given = {
            "rubric": self.rubric,
            "verdict_schema": self.schema.given != VERDICT,
            "accept_pointer": self.pointer != ACCEPT,
            "min_score": self.min_score != MIN_SCORE,
        }
        return [name for name, is_given in given.items() if is_given]

    def verdict(self, output: Output) -> tuple[bool, str]:
        """Whether it accepts, and why. Raises NoVerdict."""
        match output.WhichOneof("kind"):
            case "classification":
                return self._classified(output)
            case "text":
                return self._told(output.text.content)
            case kind:
                raise NoVerdict(f"a verdict expected, in JSON or as a label, got {kind}")

    def _classified(self, output: Output) -> tuple[bool, str]:
        label = output.classification.label
        if not self.accept_labels:
            raise NoVerdict(f"it said '{label}', and the plan names no accept_labels")
        return label in self.accept_labels, f"it is {label}"

    def _told(self, content: str) -> tuple[bool, str]:
        try:
            said = parse_told(content)
            if wrong := self.schema.complaint(said):
                raise NoVerdict(f"its verdict does not meet the schema: {wrong}")
            accepted = self._accepts(resolve(said, compiled(self.pointer)))
        except NotJson as wrong:
            raise NoVerdict(f"its verdict is no JSON: {wrong}") from wrong
        except LookupError as wrong:
            raise NoVerdict(f"its verdict has {wrong.args[0]}") from wrong
        reason = said.get("reason") if isinstance(said, dict) else None
        return accepted, reason[:LONGEST_REASON] if isinstance(reason, str) else ""

    def _accepts(self, found: Json) -> bool:
        if isinstance(found, bool):
            return found
        if isinstance(found, int | float) and 0 <= found <= 1:
            return found >= self.min_score
        # Strict: a model that says "yes" was not understood, or has not understood.
        raise NoVerdict(f"true, false or a score of 0 to 1 expected at {self.pointer}, got {found!r:.40}")

"""Routes whose shares depend on the moment or on the request: made anew when one comes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from turnout.inference.v1.input_pb2 import Input
from turnout.inference.v1.manifest_pb2 import DRAW_SOURCE_COUNTER, Decision

from services.models.handle import ModelHandle
from services.router.deciding.bounds import Growth, holds_until
from services.router.deciding.contexts import Hopes
from services.router.deciding.draw import Counter, Wheel
from services.router.deciding.latencies import Latencies
from services.router.deciding.plan import Route
from services.router.deciding.shares import Known, Terms, shares
from services.router.deciding.sheets import Saying
from services.router.execution.frames import Sheet
from services.router.strategies import BY_LOAD
from services.router.strategies.state import Scores
from services.router.strategies.texts import Looks, complexity, domain_words, words_of

# What is seen of a request and of the moment.
Observe = Callable[[Input], Scores]


def settled_route(terms: Terms, known: Known, saying: Saying, counter: Counter | None) -> Route | None:
    """The route of terms that depend on nothing else; None if nobody may be chosen."""
    found = shares(terms, known)
    wheel = Wheel(found.allocation)
    if not wheel:
        return None
    # Turns are even, or there are none: a newcomer's smaller share is drawn.
    turns = counter if wheel.even else None
    if turns is not None:
        saying = replace(saying, draw=DRAW_SOURCE_COUNTER)
    return Route(terms.strategy, wheel, saying.drawn(found), policy=saying.policy, counter=turns)


class Growing:
    """While newcomers grow: a settled route for each step of theirs."""

    def __init__(
        self, terms: Terms, known: Known, saying: Saying, counter: Counter | None, growth: Growth
    ) -> None:
        self._given = terms, known, saying, counter
        self._growth = growth
        self._from = self._until = 0
        self._route: Route | None = None

    def at(self, _asked: Input, now: int) -> Route:
        """The route of the step that `now` lies in."""
        if self._route is None or not self._from <= now < self._until:
            terms, known, saying, counter = self._given
            self._route = settled_route(terms, known._replace(now=now), saying, counter)
            self._from, self._until = holds_until(self._growth, now)
        assert self._route is not None  # noqa: S101 - growth takes nobody's last share
        return self._route


class Observing:
    """Scores of the moment or of the request."""

    def __init__(self, terms: Terms, known: Known, saying: Saying, observe: Observe) -> None:
        self._terms, self._known, self._saying, self._observe = terms, known, saying, observe
        self._chosen: dict[int, Sheet] = {}

    def at(self, asked: Input, now: int) -> Route:
        """A route for this one request."""
        scores = self._observe(asked)
        found = shares(self._terms, self._known._replace(scores=scores, now=now))

        def say(place: int) -> Sheet:
            sheet = self._chosen.get(place)
            if sheet is None:
                sheet = self._chosen[place] = self._saying.header.sheet(self._saying.chosen(place))
            weighed = self._saying.weighed(place, found, scores)
            if "" in scores:
                weighed.MergeFrom(Decision(request_score=scores[""]))
            if isinstance(scores, Hopes):
                weighed.context.extend(scores.context)
            return sheet._replace(decision=sheet.decision + weighed.SerializeToString())

        # Who is busy now will not be for long, and its entities would not find it again.
        able = found.able if self._terms.strategy in BY_LOAD else None
        return Route(
            self._terms.strategy, Wheel(found.allocation), say, policy=self._saying.policy, able=able
        )


@dataclass(frozen=True, slots=True)
class Loads:
    """Calls in flight per instance, by variant."""

    handles: Sequence[tuple[str, ModelHandle]]

    def __call__(self, _asked: Input) -> Scores:
        return {variant: handle.in_flight / len(handle.endpoints) for variant, handle in self.handles}


@dataclass(frozen=True, slots=True)
class Speeds:
    """Milliseconds that the next call has to expect, by variant; `half_life` in seconds."""

    handles: Sequence[tuple[str, ModelHandle]]
    latencies: Latencies
    half_life: float

    def __call__(self, _asked: Input) -> Scores:
        now = self.latencies.now()
        return {
            variant: self.latencies.of(handle.name, self.half_life, handle.timeout).score(
                handle.in_flight, handle.timeout, now
            )
            for variant, handle in self.handles
        }


@dataclass(frozen=True, slots=True)
class Texts:
    """The complexity of what is asked, and how many words of each specialist's domain are in it; a specialist
    is a variant and its words."""

    specialists: Sequence[tuple[str, frozenset[str]]]

    def __call__(self, asked: Input) -> Scores:
        text, looks = read(asked)
        scores: dict[str, float] = {"": complexity(text, looks)}
        if self.specialists:
            words = words_of(text)
            for variant, domain in self.specialists:
                scores[variant] = max(scores.get(variant, 0.0), float(domain_words(words, domain)))
        return scores


def read(asked: Input) -> tuple[str, Looks]:
    """The text that sets the task (of a chat, what the user said last), and what else a chat shows. An input
    of another kind has no text, and is as simple as can be."""
    if asked.HasField("text"):
        return asked.text, Looks()
    if not asked.HasField("chat"):
        return "", Looks()
    chat = asked.chat
    said = (message.content for message in reversed(chat.messages) if message.role == "user")
    structured = bool(chat.HasField("response_format"))
    return next(said, ""), Looks(len(chat.messages), len(chat.tools), structured)

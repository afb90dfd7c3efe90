"""A model's registration as a whole: checked and compiled without opening anything."""

import copy
import math
import re
from typing import NamedTuple

from turnout.router.v1.model_pb2 import (
    CONFIDENCE_SOURCE_JSON_POINTER,
    PROTOCOL_OPENAI_EMBEDDINGS,
    PROTOCOL_UNSPECIFIED,
    Model,
    Protocol,
)

from services.models import PROTOCOLS
from services.models.errors import InvalidModel
from services.models.problems import Problems
from services.models.wire import Wire

# Never one of the suite's own settings, its secrets among them: whoever registers a model or imports from a
# registry chooses the host that it would be sent to.
SECRET = re.compile(r"env:(?!(?i:TURNOUT_))[A-Za-z_][A-Za-z0-9_]*")
# A timeout beyond this is a mistake of units.
LONGEST_SECONDS = 3600.0


class Price(NamedTuple):
    """What a call costs, in `currency`: per call, per token read, per token written; None where unknown."""

    per_call: float | None
    per_input: float | None
    per_output: float | None
    currency: str

    def of(self, tokens_in: int | None, tokens_out: int | None) -> float | None:
        """The cost of a call; None where a part of it is not known, for unknown is not free."""
        if self.per_input is None and self.per_output is None:
            return self.per_call
        if (self.per_input and tokens_in is None) or (self.per_output and tokens_out is None):
            return None
        known = [] if self.per_call is None else [self.per_call]
        if self.per_input is not None:
            known.append(self.per_input * (tokens_in or 0))
        if self.per_output is not None:
            known.append(self.per_output * (tokens_out or 0))
        return sum(known) if known else None


class Registration(NamedTuple):
    """A sound registration. `timeout` is in seconds."""

    model: Model
    wire: Wire
    timeout: float
    price: Price


def compile_model(model: Model) -> Registration:
    """Check everything that a registration says. Raises InvalidModel with a path per problem, such as
    `model.signature.features[2].dtype`."""
    problems = Problems()
    # The caller may go on filling its message in; what was checked must be what is called.
    model = copy.deepcopy(model)
    _check_endpoints(model, problems)
    seconds = _timeout(model, problems)
    if model.max_concurrency < 0:
        problems.add("model.max_concurrency", "a number from 0 (no limit) expected")
    if model.secret_ref and not SECRET.fullmatch(model.secret_ref):
        # Never repeated: somebody may have put the secret itself here.
        problems.add(
            "model.secret_ref", "env:NAME expected, a variable that holds it and is not one of TURNOUT_*"
        )
    pointed = model.confidence_from == CONFIDENCE_SOURCE_JSON_POINTER
    if bool(model.confidence_pointer) != pointed:
        problems.add("model.confidence_pointer", "goes together with CONFIDENCE_SOURCE_JSON_POINTER")
    price = _price(model, problems)
    if model.protocol in PROTOCOLS:
        wire = PROTOCOLS[model.protocol](model, problems)
    else:
        problems.add("model.protocol", _unknown(model.protocol))
    problems.settle(InvalidModel, f"{model.name or 'the model'} cannot be registered", model.name)
    return Registration(model, wire, seconds, price)


def _unknown(protocol: int) -> str:
    known = " or ".join(Protocol.Name(known) for known in PROTOCOLS)
    return f"{known} expected" + ("" if protocol == PROTOCOL_UNSPECIFIED else f", got {protocol}")


def _check_endpoints(model: Model, problems: Problems) -> None:
    if not model.endpoints:
        problems.add("model.endpoints", "at least one expected")
    for index, endpoint in enumerate(model.endpoints):
        if endpoint.HasField("weight") and not (math.isfinite(endpoint.weight) and endpoint.weight >= 0):
            told = f"a number from 0 expected, got {endpoint.weight}"
            problems.add(f"model.endpoints[{index}].weight", told)
    if model.endpoints and all(e.HasField("weight") and e.weight == 0 for e in model.endpoints):
        problems.add("model.endpoints", "at least one with a weight above 0 expected")


def _timeout(model: Model, problems: Problems) -> float:
    if not model.HasField("timeout"):
        problems.add("model.timeout", "required: nobody ever waits longer for the model, such as 0.5s")
        return 0.0
    seconds = model.timeout.seconds + model.timeout.nanos / 1e9
    if not 0 < seconds <= LONGEST_SECONDS:
        problems.add(
            "model.timeout", f"above 0 s and at most {LONGEST_SECONDS:g} s expected, got {seconds:g} s"
        )
    return seconds


def _price(model: Model, problems: Problems) -> Price:
    cost = model.cost
    for field in ("per_call", "input_per_1k_tokens", "output_per_1k_tokens"):
        amount = getattr(cost, field)
        if cost.HasField(field) and not (math.isfinite(amount) and amount >= 0):
            problems.add(f"model.cost.{field}", f"an amount from 0 expected, got {amount}")
    # An embedding model writes no tokens, whatever they would cost.
    writes = cost.HasField("output_per_1k_tokens") and model.protocol != PROTOCOL_OPENAI_EMBEDDINGS
    return Price(
        cost.per_call if cost.HasField("per_call") else None,
        cost.input_per_1k_tokens / 1000 if cost.HasField("input_per_1k_tokens") else None,
        cost.output_per_1k_tokens / 1000 if writes else None,
        cost.currency or "USD",
    )

"""Doctors who are asked in words: the fleet's models behind a chat server, which reads what its models read
in other rooms, says what they say, and counts its words."""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from aiohttp import web
from turnout.inference.v1.input_pb2 import Input
from turnout.router.v1.ensemble_pb2 import Check, Helper, Verifier
from turnout.router.v1.model_pb2 import PROTOCOL_OPENAI_CHAT, PROTOCOL_OPENAI_EMBEDDINGS, Model, ModelCost
from turnout.router.v1.router_pb2 import Router, Variant
from turnout.router.v1.strategy_pb2 import EnsembleStrategy

from examples.demo.rows import Question
from examples.fleet.catalog import FLEET
from examples.fleet.columns import BREAST_CANCER, DIAGNOSES
from tests.models.chat_server import ChatServer
from tests.stories.ensembles.panel import Prices, chances
from tests.stories.ensembles.speaking import utter

# In USD per thousand words read and written; who costs more is better.
WORDS = {
    "logistic": ModelCost(input_per_1k_tokens=0.4, output_per_1k_tokens=4.0),
    "boosting": ModelCost(input_per_1k_tokens=0.9, output_per_1k_tokens=9.0),
    "bayes": ModelCost(input_per_1k_tokens=0.1, output_per_1k_tokens=1.0),
    "stump": ModelCost(per_call=5e-3),
    "embedder": ModelCost(input_per_1k_tokens=0.05),
}
PREFIX = "spoken-"
PRICES: Prices = {PREFIX + name: price for name, price in WORDS.items()}
PROMPTS = {"You audit an answer.": "audit", "You compare answers": "compare", "Several answers": "fuse"}


class Opinion(NamedTuple):
    """What a doctor makes of a patient."""

    label: str
    chance: float

    def prose(self) -> str:
        """In a sentence."""
        return f"With {self.chance:.0%} certainty I take it for {self.label} ."

    def record(self) -> dict[str, Any]:
        """As a structured answer: `risk` is that of malignancy."""
        risk = self.chance if self.label == "malignant" else 1 - self.chance
        return {"diagnosis": self.label, "certainty": round(self.chance, 3), "risk": round(risk, 2)}


def opinion(name: str, patient: Mapping[str, float]) -> Opinion:
    """Of the model `cancer-NAME` of the fleet."""
    (given,) = chances(f"cancer-{name}", [Question(patient, "")])
    return Opinion(DIAGNOSES[given.argmax()], float(given.max()))


def described(question: Question) -> Input:
    """A patient in words."""
    return Input(text=f"Benign or malignant? {json.dumps(question.features)}")


class Surgery:
    """What the chat server does: by the model's name a doctor of the fleet, who answers as the system's
    prompt wants it. `lines` replaces what a model says; `said` is every answer with its words, by model."""

    def __init__(self, server: ChatServer) -> None:
        self.server = server
        self.lines: dict[str, str] = {}
        server.behave = self.serve

    async def serve(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        if request.path.endswith("/embeddings"):
            return await self.server.embed(request, body)
        return await utter(request, body, self._message(body))

    def _message(self, body: Mapping[str, Any]) -> dict[str, Any]:
        name, first = body["model"], body["messages"][0]
        asked = next(message["content"] for message in body["messages"] if message["role"] == "user")
        if name in self.lines:
            return {"role": "assistant", "content": self.lines[name]}
        if not body.get("tools"):
            told = first["content"] if first["role"] == "system" else ""
            return {"role": "assistant", "content": speak(name, told, asked)}
        arguments = json.dumps(opinion(name, patient_of(asked)).record())
        call = {
            "id": f"call-{name}",
            "type": "function",
            "function": {"name": "report", "arguments": arguments},
        }
        return {"role": "assistant", "content": None, "tool_calls": [call]}


def patient_of(text: str) -> dict[str, float]:
    """The first record in a text."""
    found = re.search(r"\{[^{}]*\}", text)
    assert found, text
    patient: dict[str, float] = json.loads(found[0])
    assert set(patient) <= set(BREAST_CANCER)
    return patient


def speak(name: str, told: str, asked: str) -> str:
    """What a doctor answers: a diagnosis, or what it thinks of those of others."""
    task = next((task for begin, task in PROMPTS.items() if told.startswith(begin)), "diagnose")
    own = opinion(name, patient_of(asked))
    answered = re.findall(r"<answer[^>]*>\n(.*?)\n</answer>", asked, re.DOTALL)
    match task:
        case "audit":
            return json.dumps({"accept": own.label in answered[0], "reason": f"I think {own.label}"})
        case "compare":
            best = next((place for place, one in enumerate(answered, 1) if own.label in one), 1)
            return json.dumps({"best": best, "reason": f"I think {own.label}"})
        case "fuse":
            votes = sum(own.label in one for one in answered)
            return f"{votes} of {len(answered)} colleagues and I say {own.label}"
    return json.dumps(own.record()) if "JSON" in told else own.prose()


def registrations(url: str) -> list[Model]:
    """The doctors and the embedder, as one registers them."""
    made = []
    for name, price in WORDS.items():
        embeds = name == "embedder"
        model = Model(
            name=f"models/{PREFIX}{name}",
            served_name=name,
            protocol=PROTOCOL_OPENAI_EMBEDDINGS if embeds else PROTOCOL_OPENAI_CHAT,
            endpoints=[{"address": url}],
            timeout={"seconds": 15},
            family="words" if embeds else FLEET[f"cancer-{name}"].family,
            cost=price,
        )
        made.append(model)
    return made


def chats(title: str, *names: str, prompt: str = "", **how: Any) -> Router:
    """A router over doctors who are told how to answer."""
    variants = [
        Variant(id=one, model=f"models/{PREFIX}{one}", overrides={"system_prompt": prompt}) for one in names
    ]
    return Router(name=f"routers/{title}", variants=variants, ensemble=EnsembleStrategy(**how))


def helper(name: str) -> Helper:
    """A doctor who helps."""
    return Helper(model=f"models/{PREFIX}{name}")


def audited_by(name: str) -> Check:
    """Whether that doctor thinks so too."""
    return Check(verifier=Verifier(helper=helper(name)))

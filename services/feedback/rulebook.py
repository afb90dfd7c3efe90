"""The rules of every router in memory, as the catalog changes."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from turnout.router.v1.router_pb2 import Router

from services.feedback.crediting import accuracy_of
from services.feedback.prediction import Prediction
from services.feedback.rules import Rules
from services.feedback.wire.routers import rules_of
from services.state import ids
from services.state.catalog import Resources
from services.state.claims import Learner
from services.state.config_reader import ConfigReader
from services.state.kinds import ROUTERS
from services.state.names import resource_name


class Rulebook:
    """Follows routers and models: `take` is the follower's `on_change`. `on_change` is told of routers;
    `aliases` says which model each alias stands for."""

    def __init__(self, routers: ConfigReader[Router]) -> None:
        self._routers = routers
        self._by_uid: dict[str, Rules] = {}
        self._uids: dict[str, str] = {}
        self._models: Resources[Any] = Resources()
        self.on_change: Callable[[str], None] = lambda _uid: None
        self.aliases: Callable[[], Mapping[str, str]] = dict

    def take(self, kind: str, uid: str, message: Any) -> None:
        """Take in the newest state of a router or a model; None when it is deleted."""
        if kind != ROUTERS.name:
            self._models.put(message) if message else self._models.drop(uid)
            return
        if message is None:
            gone = self._by_uid.pop(uid, None)
            if gone and self._uids.get(gone.name) == uid:
                del self._uids[gone.name]
        else:
            self._by_uid[uid] = rules_of(message)
            self._uids[message.name] = uid
        self.on_change(uid)

    def changed(self, uid: str) -> None:
        """What a router's arms have earned has changed."""
        self.on_change(uid)

    def known(self, uid: str) -> Rules | None:
        """The rules in memory."""
        return self._by_uid.get(uid)

    def learning(self) -> Iterable[Rules]:
        """The rules of every router that learns."""
        return [rules for rules in self._by_uid.values() if rules.learning]

    def canaries(self) -> Iterable[Rules]:
        """The rules of every router that has a canary."""
        return [rules for rules in self._by_uid.values() if rules.canary]

    def watched(self) -> Iterable[Rules]:
        """The rules of every router whose variants are compared."""
        return [rules for rules in self._by_uid.values() if rules.watch]

    async def of(self, uid: str) -> Rules | None:
        """The rules of a router, read from Redis if it is too new to be in memory; None if it is deleted."""
        if uid in self._by_uid or not uid:
            return self._by_uid.get(uid)
        found = await self._routers.read_uid(uid)
        return None if found is None or ROUTERS.is_deleted(found) else rules_of(found)

    async def called(self, name: str) -> Rules:
        """The rules of a router by its name, from memory where it is known there. Raises BadName,
        RouterNotFound."""
        found = resource_name(ROUTERS.name, name, "router")
        known = self._by_uid.get(self._uids.get(found, ""))
        return known if known and known.name == found else await self.named(name)

    async def named(self, name: str) -> Rules:
        """The rules of a router by its name, as stored now. Raises BadName, RouterNotFound."""
        found = resource_name(ROUTERS.name, name, "router")
        return rules_of(await self._routers.read(found, field="router"))

    def models_of(self, prediction: Prediction) -> Mapping[str, str]:
        """Uid by name of the models that answered and are still the ones of that name."""
        named = {answer.model for answer in prediction.answers}
        if prediction.outside:
            # Its partition is that of its model, whose uid stands for the router's.
            return dict.fromkeys(named, prediction.router_uid)
        found = {name: self.model_uid(name, prediction.time) for name in named}
        return {name: uid for name, uid in found.items() if uid}

    def model_uid(self, name: str, time: float) -> str:
        """Uid of the model of that name, if it existed at that time, in seconds since 1970; else empty."""
        model = self._models.by_name.get(name)
        return model.uid if model and model.create_time.ToNanoseconds() / 1e9 <= time else ""

    def costs(self, rules: Rules) -> dict[str, float]:
        """By variant, what a call of its model is declared to cost, where it is; nothing where the learner
        weighs no costs."""
        if rules.learning is None or not rules.learning.cost_weight:
            return {}
        aliases = self.aliases()
        models = [self._models.by_name.get(aliases.get(name, name)) for name in rules.models]
        return {
            variant: model.cost.per_call
            for variant, model in zip(rules.enabled, models, strict=True)
            if model is not None and model.cost.HasField("per_call")
        }

    def uid_of(self, name: str) -> str | None:
        """Uid of the model that has the name now."""
        model = self._models.by_name.get(name)
        return model.uid if model else None

    def models(self) -> dict[str, str]:
        """Name by uid of every model."""
        return {uid: model.name for uid, model in self._models.by_uid.items()}

    def models_in_use(self) -> dict[str, set[Learner]]:
        """By name, where the accuracy of a model is kept: in the partition of each router that has it, and in
        its own, where its predictions are that were made outside."""
        places = {
            model.name: {accuracy_of(ids.partition_for(model.uid), model.uid)}
            for model in self._models.by_uid.values()
        }
        for rules, model in self._uses():
            places.setdefault(model.name, set()).add(accuracy_of(rules.partition, model.uid))
        return places

    def panels(self) -> dict[str, dict[str, str]]:
        """By uid of each router that asks several at once, the uid of the model of each of its variants."""
        aliases = self.aliases()
        found = {}
        for rules in self._by_uid.values():
            if rules.panels:
                named = zip(rules.enabled, (aliases.get(name, name) for name in rules.models), strict=True)
                models = {variant: self._models.by_name.get(name) for variant, name in named}
                found[rules.uid] = {variant: model.uid for variant, model in models.items() if model}
        return found

    def positive_labels(self) -> dict[str, str]:
        """By uid of a model, the positive label that the tasks of all its routers name; no entry where they
        name none or different ones."""
        named: dict[str, set[str]] = {}
        for rules, model in self._uses():
            named.setdefault(model.uid, set()).add(rules.positive_label)
        return {uid: label for uid, labels in named.items() if len(labels) == 1 for label in labels if label}

    def _uses(self) -> Iterator[tuple[Rules, Any]]:
        """Every router, with each model behind its variants."""
        aliases = self.aliases()
        for rules in self._by_uid.values():
            for name in rules.models:
                if model := self._models.by_name.get(aliases.get(name, name)):
                    yield rules, model

"""Registries of models elsewhere, by the scheme that their URI begins with: each reads what it has."""

from collections.abc import Callable

from services.router.registries.fetching import Fetcher
from services.router.registries.listing import Registry
from services.router.registries.mlflow import Mlflow

REGISTRIES: dict[str, Callable[[Fetcher], Registry]] = {"mlflow": Mlflow}

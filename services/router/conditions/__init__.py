"""Conditions of policies and rules: compiled when they are written, asked at each prediction.

The pure files know neither the contract nor the transport; `wire.py` reads both from messages.
"""

from services.router.conditions.compiling import Condition, compile_condition
from services.router.conditions.errors import BadCondition, RuleError
from services.router.conditions.kinds import Kind, Schema
from services.router.conditions.operators import OPERATORS, compile_rule
from services.router.conditions.policies import Match, Rule, Rules
from services.router.conditions.values import Valued, compile_value
from services.router.conditions.view import Columns, Given, View

__all__ = [
    "OPERATORS",
    "BadCondition",
    "Columns",
    "Condition",
    "Given",
    "Kind",
    "Match",
    "Rule",
    "RuleError",
    "Rules",
    "Schema",
    "Valued",
    "View",
    "compile_condition",
    "compile_rule",
    "compile_value",
]

"""From tokens to a tree, by precedence. CEL's own parser has the last word on what is well formed; this one
refuses whatever it does not know."""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal as OneOf

import cel

from services.foundation.cel_text import BadCel, compiled
from services.router.conditions.errors import BadCondition
from services.router.conditions.syntax import (
    Binary,
    Conditional,
    Index,
    Invoke,
    Items,
    Literal,
    Logical,
    Name,
    Node,
    Select,
    Unary,
    depth_over,
)
from services.router.conditions.tokens import Token, tokens_of

# The condition itself, and brackets within each other: each is a dozen frames of this parser's stack.
MOST_OPEN = 24
# What people write who know other languages.
SPELLED = {"and": "&&", "or": "||", "not": "!", "is": "==", "<>": "!="}
HAS_ASKS = "has() asks for features.x, attributes.x, headers.x or metrics('models/a').accuracy"
CONSTANTS = {"true": True, "false": False, "null": None}
COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">=", "in"})
# Loosest first; `&&` and `||` stand above them.
LEVELS = (COMPARISONS, frozenset({"+", "-"}), frozenset({"*", "/", "%"}))


def parse(text: str) -> Node:
    """The tree of a condition. Raises BadCondition, saying where it stops making sense."""
    tokens = tokens_of(text)
    parser = _Parser(text, tokens)
    tree = parser.expression()
    if parser.token.kind != "end":
        raise parser.unexpected()
    well_formed(text)
    return tree


def well_formed(text: str) -> cel.Program:
    """The text compiled by CEL. Raises BadCondition with the first line of what CEL says."""
    try:
        return compiled(text)
    except BadCel as wrong:
        hint = f"; {HAS_ASKS}" if "has()" in str(wrong) else ""
        raise BadCondition(f"{wrong}{hint}") from wrong


def _hint(before: Token, token: Token) -> str:
    """What was probably meant."""
    word = token.text.lower() if token.text.lower() in SPELLED else before.text.lower()
    if before.text + token.text in SPELLED:
        return f"; write {SPELLED[before.text + token.text]}"
    if "name" in (token.kind, before.kind) and word in SPELLED:
        return f"; write {SPELLED[word]} for {word!r}"
    if before.kind == token.kind == "name":
        return f"; a name with a space is written features['{before.text[:40]} {token.text[:40]}']"
    return ""


class _Parser:
    def __init__(self, text: str, tokens: list[Token]) -> None:
        self.text, self.tokens, self.place, self.open = text, tokens, 0, 0

    @property
    def token(self) -> Token:
        return self.tokens[self.place]

    def unexpected(self, wanted: str = "a value or a name") -> BadCondition:
        token, before = self.token, self.tokens[max(0, self.place - 1)]
        if token.kind == "end":
            after = f" after {before.text[:40]!r}, at character {token.start + 1}"
            return BadCondition(f"ends too early{after}: {wanted} is missing")
        said = f"has an unexpected {token.text[:40]!r} at character {token.start + 1}"
        return BadCondition(f"{said}{_hint(before, token)}")

    def take(self, *texts: str) -> Token | None:
        """The next token, if it is one of these signs or words."""
        token = self.token
        if token.text not in texts or token.kind not in ("sign", "name"):
            return None
        self.place += 1
        return token

    def need(self, text: str) -> Token:
        token = self.take(text)
        if token is None:
            raise self.unexpected(text)
        return token

    def expression(self) -> Node:
        self.open += 1
        if self.open > MOST_OPEN:
            raise BadCondition(f"has more than {MOST_OPEN} brackets within each other")
        node = self.logical("||", lambda: self.logical("&&", lambda: self.binary(0)))
        if self.take("?"):
            yes = self.logical("||", lambda: self.logical("&&", lambda: self.binary(0)))
            self.need(":")
            no = self.expression()
            node = Conditional(node.start, no.end, depth_over(node, yes, no), node, yes, no)
        self.open -= 1
        return node

    def logical(self, operator: OneOf["&&", "||"], operand: Callable[[], Node]) -> Node:
        operands = [operand()]
        while self.take(operator):
            operands.append(operand())
        if len(operands) == 1:
            return operands[0]
        start, end = operands[0].start, operands[-1].end
        return Logical(start, end, depth_over(*operands), operator, tuple(operands))

    def binary(self, level: int) -> Node:
        if level == len(LEVELS):
            return self.unary()
        left = self.binary(level + 1)
        while sign := self.take(*LEVELS[level]):
            right = self.binary(level + 1)
            left = Binary(left.start, right.end, depth_over(left, right), sign.text, left, right)
        return left

    def unary(self) -> Node:
        signs: list[Token] = []
        while sign := self.take("!", "-"):
            signs.append(sign)
        number = self.token
        if signs and signs[-1].text == "-" and number.kind in ("integer", "double"):
            # One constant: the least whole number has no positive counterpart to be negated.
            self.place += 1
            minus = signs.pop()
            node: Node = literal(number._replace(text=f"-{number.text}"))
            node = replace(node, start=minus.start, end=number.end)
        else:
            node = self.member()
        for sign in reversed(signs):
            node = Unary(sign.start, node.end, depth_over(node), sign.text, node)
        return node

    def member(self) -> Node:
        node = self.primary()
        while True:
            if self.take("."):
                name = self.token
                if name.kind != "name":
                    raise self.unexpected()
                self.place += 1
                if self.take("("):
                    args, end = self.items(")")
                    node = Invoke(node.start, end, depth_over(node, *args), name.text, node, args)
                else:
                    node = Select(node.start, name.end, depth_over(node), node, name.text)
            elif self.take("["):
                key = self.expression()
                end = self.need("]").end
                node = Index(node.start, end, depth_over(node, key), node, key)
            else:
                return node

    def items(self, closing: str) -> tuple[tuple[Node, ...], int]:
        found: list[Node] = []
        while not (closed := self.take(closing)):
            if found and not self.take(","):
                raise self.unexpected(f", or {closing}")
            found.append(self.expression())
        return tuple(found), closed.end

    def primary(self) -> Node:
        token = self.token
        if token.kind == "name" and token.text not in CONSTANTS and token.text != "in":
            self.place += 1
            if self.take("("):
                args, end = self.items(")")
                return Invoke(token.start, end, depth_over(*args), token.text, None, args)
            return Name(token.start, token.end, 1, token.text)
        if token.kind not in ("sign", "end") and token.text != "in":
            self.place += 1
            return literal(token)
        if self.take("("):
            node = self.expression()
            # With its brackets: what is cut out of the text by its place must stay one operand.
            return replace(node, start=token.start, end=self.need(")").end)
        if self.take("["):
            items, end = self.items("]")
            return Items(token.start, end, depth_over(*items), items)
        if self.take("{"):
            return self.mapping(token)
        raise self.unexpected()

    def mapping(self, opening: Token) -> Node:
        found: list[Node] = []
        while not (closed := self.take("}")):
            if found:
                self.need(",")
            found.append(self.expression())
            self.need(":")
            found.append(self.expression())
        return Items(opening.start, closed.end, depth_over(*found), tuple(found), is_map=True)


def literal(token: Token) -> Literal:
    """A constant's value, as CEL reads it."""
    if token.kind == "name":
        return Literal(token.start, token.end, 1, CONSTANTS[token.text])
    # Escapes, exponents and limits are CEL's: its reading is the value. The common ones need no program.
    if token.kind == "text" and "\\" not in token.text:
        return Literal(token.start, token.end, 1, token.text[1:-1])
    value = well_formed(token.text).execute()
    return Literal(token.start, token.end, 1, value, plain=token.kind != "unsigned")

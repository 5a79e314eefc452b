"""DynamoDB's condition and update expressions, as far as the accounts table's store writes them.

Checked against moto in `test_table.py`: the same writes end the same.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

Item = dict[str, Any]
_TOKEN: Final = re.compile(r"attribute_(?:not_)?exists|if_not_exists|<=|<>|[<=(),]|AND|OR|IN|[#:]?\w+")


class Condition:
    """A condition expression with its names and values."""

    def __init__(self, text: str, names: Mapping[str, str], values: Mapping[str, Any]) -> None:
        self._tokens = _TOKEN.findall(text)
        self._names, self._values = names, values

    def holds(self, item: Item) -> bool:
        """Whether it holds for an item (empty: there is none)."""
        result, rest = self._either(self._tokens, item)
        if rest:
            raise ValueError(f"not understood: {rest}")
        return result

    def _either(self, tokens: Sequence[str], item: Item) -> tuple[bool, Sequence[str]]:
        result, tokens = self._both(tokens, item)
        while tokens and tokens[0] == "OR":
            other, tokens = self._both(tokens[1:], item)
            result = result or other
        return result, tokens

    def _both(self, tokens: Sequence[str], item: Item) -> tuple[bool, Sequence[str]]:
        result, tokens = self._one(tokens, item)
        while tokens and tokens[0] == "AND":
            other, tokens = self._one(tokens[1:], item)
            result = result and other
        return result, tokens

    def _one(self, tokens: Sequence[str], item: Item) -> tuple[bool, Sequence[str]]:
        if tokens[0] == "(":
            result, rest = self._either(tokens[1:], item)
            return result, rest[1:]
        if tokens[0].startswith("attribute_"):
            exists = self._name(tokens[2]) in item
            return exists == (tokens[0] == "attribute_exists"), tokens[4:]
        if tokens[1] == "IN":
            end = tokens.index(")")
            among = [self._values[token] for token in tokens[3:end] if token != ","]
            return item.get(self._name(tokens[0])) in among, tokens[end + 1 :]
        name, sign, value = self._name(tokens[0]), tokens[1], self._values[tokens[2]]
        if name not in item:
            return sign == "<>", tokens[3:]
        held = item[name]
        found = {"=": held == value, "<>": held != value, "<": held < value, "<=": held <= value}
        return found[sign], tokens[3:]

    def _name(self, token: str) -> str:
        return self._names[token] if token.startswith("#") else token


def updated(item: Item, text: str, names: Mapping[str, str], values: Mapping[str, Any]) -> Item:
    """The item after `SET #a = :a, #b = if_not_exists(#b, :b) REMOVE #c`."""
    sets, _, gone = text.removeprefix("SET ").partition(" REMOVE ")
    result = dict(item)
    for part in re.split(r",\s+(?=#\w+ =)", sets):
        name, _, given = part.partition(" = ")
        kept = given.startswith("if_not_exists") and names[name] in item
        if not kept:
            result[names[name]] = values[re.findall(r":\w+", given)[-1]]
    for name in filter(None, gone.split(", ")):
        result.pop(names[name], None)
    return result

"""The filter patterns of CloudWatch Logs for JSON events, as far as metrics of an access log need them.

    { $.isCanaryRequest = "true" && ($.status = "5*" || $.responseLatency >= 800) }

Selectors are `$.NAME.NAME`. A text is compared with `=` and `!=` and may hold `*` for any characters; a number with `=`,
`!=`, `<`, `<=`, `>`, `>=`. `&&` binds closer than `||`. A comparison with a field that is not there, or of the other
kind, does not hold. What CloudWatch knows beyond that (lists, IS, NOT EXISTS, regular expressions, patterns for text that
is not JSON) is refused: a pattern that is not understood must not look as if it matched.
"""

import json
import operator
import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

Matcher = Callable[[Any], bool]
"""Tells whether a JSON event matches."""

_TOKEN = re.compile(r'\s*(&&|\|\||[(){}]|!=|<=|>=|[=<>]|\$(?:\.[A-Za-z_][\w-]*)+|"(?:[^"\\]|\\.)*"|[\w.*:/-]+)')
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class PatternError(ValueError):
    """A pattern that is faulty, or beyond what is known here."""


def parse(pattern: str) -> Callable[[str], bool]:
    """What tells whether a log event matches; an event that is not JSON does not, unless the pattern is empty.

    Raises PatternError.
    """
    if not pattern.strip():
        return lambda _message: True
    tokens = _tokens(pattern)
    if tokens[0] != "{" or tokens[-1] != "}":
        raise PatternError(f"only patterns for JSON, in braces, are known here: {pattern}")
    inner = tokens[1:-1]
    matches = _any_of(inner)
    if inner:
        raise PatternError(f"{inner[0]!r} is not expected there: {pattern}")

    def matches_message(message: str) -> bool:
        try:
            return matches(json.loads(message))
        except ValueError:
            return False

    return matches_message


def _tokens(pattern: str) -> list[str]:
    tokens, position = [], 0
    text = pattern.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise PatternError(f"{text[position:]!r} is not understood: {pattern}")
        tokens.append(match[1])
        position = match.end()
    return tokens


def _any_of(tokens: list[str]) -> Matcher:
    choices = [_all_of(tokens)]
    while tokens and tokens[0] == "||":
        tokens.pop(0)
        choices.append(_all_of(tokens))
    return lambda event: any(matches(event) for matches in choices)


def _all_of(tokens: list[str]) -> Matcher:
    conditions = [_condition(tokens)]
    while tokens and tokens[0] == "&&":
        tokens.pop(0)
        conditions.append(_condition(tokens))
    return lambda event: all(matches(event) for matches in conditions)


def _condition(tokens: list[str]) -> Matcher:
    if tokens and tokens[0] == "(":
        tokens.pop(0)
        inner = _any_of(tokens)
        if not tokens or tokens.pop(0) != ")":
            raise PatternError("a parenthesis is not closed")
        return inner
    if len(tokens) < 3 or not tokens[0].startswith("$.") or tokens[1] not in _COMPARISONS:
        raise PatternError(f"a comparison such as $.status = 200 is expected, found {' '.join(tokens[:3])!r}")
    selector, comparison, wanted = tokens.pop(0), tokens.pop(0), tokens.pop(0)
    return _comparison(selector.removeprefix("$.").split("."), comparison, wanted)


def _comparison(path: list[str], comparison: str, wanted: str) -> Matcher:
    if re.fullmatch(r"-?\d+(\.\d+)?", wanted):
        compare, number = _COMPARISONS[comparison], float(wanted)
        return lambda event: _is_number(found := select(event, path)) and compare(found, number)
    if comparison not in ("=", "!="):
        raise PatternError(f"{wanted} is a text, which {comparison} does not compare")
    text = json.loads(wanted) if wanted.startswith('"') else wanted
    # Only `*` is a wildcard.
    glob = re.sub(r"([?\[])", r"[\1]", text)

    def matches(event: Any) -> bool:
        found = select(event, path)
        return isinstance(found, str) and fnmatchcase(found, glob) == (comparison == "=")

    return matches


def select(event: Any, path: list[str]) -> Any:
    """The field of the event, or None."""
    for name in path:
        event = event.get(name) if isinstance(event, dict) else None
    return event


def _is_number(value: Any) -> bool:
    """A number of JSON's; a text that holds digits is none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)

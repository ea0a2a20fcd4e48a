"""NAME=VALUE words and `--args` JSON into the arguments of an operation, typed by its JSON Schema."""

from __future__ import annotations

import difflib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.numbers import parse_entry, plain

_TRUTH: Final = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}


def read_arguments(schema: Mapping[str, Any], words: Sequence[str], document: str | None) -> dict[str, Any]:
    """The arguments, `words` over `document`.

    Raises BrokerError BAD_ARGUMENT or BAD_NUMBER, naming the argument and what it may be.
    """
    definitions = schema.get("$defs", {})
    shape = _resolve(schema, definitions)
    properties: Mapping[str, Any] = shape.get("properties", {})
    found: dict[str, Any] = {}
    given = [_of_word(word) for word in words]
    twice = [name for name, times in Counter(name for name, _ in given).items() if times > 1]
    if twice:
        raise BrokerError("BAD_ARGUMENT", f"{twice[0][:40]} is given more than once")
    for name, value in [*_of_document(document).items(), *given]:
        if name not in properties:
            raise BrokerError("BAD_ARGUMENT", f"there is no argument “{name[:40]}”{_nearest(name, properties)}")
        found[name] = _typed(name, value, properties[name], definitions)
    missing = [name for name in shape.get("required", ()) if name not in found]
    if missing:
        raise BrokerError("BAD_ARGUMENT", f"missing: {', '.join(missing)}", details={"missing": missing})
    return found


def _of_document(document: str | None) -> dict[str, Any]:
    if document is None:
        return {}
    try:
        # Numbers stay text until the one parser reads them: a float would change money.
        read = json.loads(document, parse_float=str, parse_int=str, parse_constant=str)
    except ValueError as error:
        raise BrokerError("BAD_ARGUMENT", f"--args is not JSON: {error}") from None
    if not isinstance(read, dict):
        raise BrokerError("BAD_ARGUMENT", "--args must be a JSON object")
    return read


def _of_word(word: str) -> tuple[str, str]:
    name, mark, value = word.partition("=")
    if not mark or not name:
        raise BrokerError("BAD_ARGUMENT", f"“{word[:40]}” is not NAME=VALUE")
    return name, value


def _nearest(name: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"; did you mean {near[0]}?"
    return f"; there are: {', '.join(known)}" if known else "; it takes none"


def _resolve(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    return schema


def _typed(name: str, value: Any, schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Any:
    shape = _resolve(schema, definitions)
    if "anyOf" in shape:
        options = [_resolve(option, definitions) for option in shape["anyOf"]]
        if value is None and any(option.get("type") == "null" for option in options):
            return None
        wanted = [option for option in options if option.get("type") != "null"]
        # Text passes as it is where text may: the core reads a number in it with the same parser.
        shape = next((option for option in wanted if option.get("type") == "string"), wanted[0])
    kind = shape.get("type")
    if kind == "array":
        return [_typed(name, item, shape.get("items", {}), definitions) for item in _items(name, value)]
    if kind == "object":
        return _object(name, value)
    if isinstance(value, bool):
        if kind == "boolean":
            return value
        raise BrokerError("BAD_ARGUMENT", f"{name}: a truth value has no place here")
    if not isinstance(value, str):
        raise BrokerError("BAD_ARGUMENT", f"{name}: one value is wanted")
    return _scalar(name, value, shape)


def _scalar(name: str, text: str, shape: Mapping[str, Any]) -> Any:
    if "enum" in shape:
        return _choice(name, text, shape["enum"])
    kind = shape.get("type")
    if kind == "boolean":
        if text.lower() not in _TRUTH:
            raise BrokerError("BAD_ARGUMENT", f"{name}: “{text[:24]}” is neither true nor false")
        return _TRUTH[text.lower()]
    if kind == "integer":
        number = parse_entry(text, what=name)
        if number != number.to_integral_value():
            raise BrokerError("BAD_NUMBER", f"{name}: “{text[:24]}” is not a whole number")
        return int(number)
    if kind == "number":
        return float(parse_entry(text, what=name))
    if shape.get("format") == "decimal":
        return plain(parse_entry(text, what=name))
    return text


def _choice(name: str, text: str, choices: Sequence[Any]) -> Any:
    for choice in choices:
        if str(choice).lower() == text.lower():
            return choice
    raise BrokerError(
        "BAD_ARGUMENT", f"{name}: “{text[:24]}” is not one of {', '.join(str(choice) for choice in choices)}"
    )


def _items(name: str, value: Any) -> list[Any]:
    if isinstance(value, str):
        if not value.lstrip().startswith("["):
            return [item for item in value.split(",") if item]
        value = _of_document(f'{{"items": {value}}}')["items"]
    if not isinstance(value, list):
        raise BrokerError("BAD_ARGUMENT", f"{name}: a list is wanted, a,b,c or JSON")
    return value


def _object(name: str, value: Any) -> Any:
    read = _of_document(value) if isinstance(value, str) else value
    if not isinstance(read, dict):
        raise BrokerError("BAD_ARGUMENT", f"{name}: a JSON object is wanted")
    return read

"""Plain arguments of every verb, held to their annotations before any work is done.

One verb would cut off the fraction of a count, another break at it deep inside, a third take NaN for a threshold
under which nothing lies. So each verb is asked the same: whole numbers are whole, numbers are numbers, switches
are switches, texts are texts. What is richer than that (ids, criteria, mappings) the verb reads itself.

Tests: tests/graphlab/verbs/test_arguments.py.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ingest.schema.errors import AnalysisError

Check = Callable[[Any], bool]


def _whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _number(value: Any) -> bool:
    number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    return number and not math.isnan(value)


KINDS: Mapping[str, tuple[Check, str]] = {
    "int": (_whole, "a whole number"),
    "float": (_number, "a number"),
    "bool": (lambda value: isinstance(value, bool | np.bool_), "True or False"),
    "str": (lambda value: isinstance(value, str), "a text"),
}
"""Annotation, what meets it, and how it is told."""


def checks_of(verb: Callable[..., Any]) -> dict[str, tuple[Check, str]]:
    """The check of each parameter whose annotation is one of `KINDS`, or one of them or None."""
    found = {}
    for name, parameter in inspect.signature(verb).parameters.items():
        kind, _, rest = str(parameter.annotation).partition(" | ")
        if kind in KINDS and rest in ("", "None") and parameter.kind is not parameter.VAR_KEYWORD:
            check, wanted = KINDS[kind]
            if rest:
                found[name] = (_or_none(check), f"{wanted} or None")
            else:
                found[name] = (check, wanted)
    return found


def by_place(verb: Callable[..., Any]) -> tuple[str, ...]:
    """Names of the parameters that arguments without a name go to, ``*args`` and what follows left out."""
    parameters = inspect.signature(verb).parameters.values()
    return tuple(one.name for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD))


def _or_none(check: Check) -> Check:
    return lambda value: value is None or check(value)


def require_arguments(
    names: tuple[str, ...], checks: Mapping[str, tuple[Check, str]], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> None:
    """AnalysisError for the first argument that is not what its annotation says.

    Args:
        names: of the positional parameters, without ``self``.
    """
    for name, value in (*zip(names, args, strict=False), *kwargs.items()):
        if name in checks:
            check, wanted = checks[name]
            if not check(value):
                raise AnalysisError(f"{name} is {value!r}; wanted {wanted}")

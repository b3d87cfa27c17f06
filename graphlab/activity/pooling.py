"""From animals to neuron classes: the mean over labelled traces, with intervals between animals."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from graphlab.activity.session import Floats, Session, sure
from graphlab.activity.tuning import Tuning
from graphlab.motifs.p_values import benjamini_hochberg


@dataclass(frozen=True, slots=True)
class Pooled:
    """One neuron class, behaviour and measure."""

    neuron_class: str
    behavior: str
    measure: str
    traces: int
    animals: int
    value: float
    """Mean over labelled traces."""
    lo: float
    hi: float
    """95 % t interval between animals around ``value``; NaN with one animal."""
    p: float
    """Against the mean over the same traces of surrogate behaviours, drawn per animal; NaN where none were kept."""
    q: float


def pool(sessions: Sequence[Session], tunings: Sequence[Tuning], min_confidence: float | None = None) -> list[Pooled]:
    """Pool tunings by neuron class; animals without identities contribute nothing.

    Args:
        min_confidence: identities less sure than this are left out.
    """
    by_animal = {session.animal: session for session in sessions}
    groups: dict[tuple[str, str, str], dict[str, list[tuple[float, Floats | None]]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for tuning in tunings:
        for trace, neuron in enumerate(by_animal[tuning.animal].neurons):
            if neuron.neuron_class and sure(neuron, min_confidence) and np.isfinite(tuning.value[trace]):
                null = None if tuning.null_values is None else tuning.null_values[trace]
                key = (tuning.behavior, tuning.measure, neuron.neuron_class)
                groups[key][tuning.animal].append((float(tuning.value[trace]), null))
    found = [_pooled(*key, animals) for key, animals in sorted(groups.items())]
    result = []
    for family in sorted({(one.behavior, one.measure) for one in found}):
        members = [one for one in found if (one.behavior, one.measure) == family]
        q = benjamini_hochberg(np.array([one.p for one in members]))
        result += [
            Pooled(m.neuron_class, m.behavior, m.measure, m.traces, m.animals, m.value, m.lo, m.hi, m.p, float(value))
            for m, value in zip(members, q, strict=True)
        ]
    return result


def _pooled(
    behavior: str, measure: str, neuron_class: str, animals: dict[str, list[tuple[float, Floats | None]]]
) -> Pooled:
    from scipy.stats import t

    values = [value for traces in animals.values() for value, _ in traces]
    mean = float(np.mean(values))
    count = len(animals)
    lo = hi = float("nan")
    if count > 1:
        means = [float(np.mean([value for value, _ in traces])) for traces in animals.values()]
        half = float(t.ppf(0.975, count - 1)) * float(np.std(means, ddof=1)) / np.sqrt(count)
        lo, hi = mean - half, mean + half
    nulls = [null for traces in animals.values() for _, null in traces]
    p = float("nan")
    if all(null is not None for null in nulls):
        drawn = np.mean([null for null in nulls if null is not None], axis=0)
        p = float((np.sum(np.abs(drawn) >= abs(mean)) + 1) / (len(drawn) + 1))
    return Pooled(neuron_class, behavior, measure, len(values), count, mean, lo, hi, p, float("nan"))

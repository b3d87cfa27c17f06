"""From animals to neuron classes: the mean over labelled traces, with intervals between animals.

p compares with the same shift in every animal; where the null is of other animals, or some animal is too short to
shift, with behaviours permuted across animals: no behaviour need be stationary then, but animals have to be
independent and alike, and slow drift that an animal's traces and behaviour share is called a relation. Either keeps
what classes share, so the largest class under each candidate gives ``p_family`` over all classes.

Tests: tests/graphlab/activity/behavior/test_tuning.py.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from graphlab.activity.behavior.families import LEVEL, Family, over_families, untested
from graphlab.activity.behavior.measures import Tuning, TuningOptions
from graphlab.activity.behavior.nulls import NULLS
from graphlab.activity.behavior.tuning import SAME_RATE, delayed, lags_of, rectified
from graphlab.activity.sessions.preparation import drift_basis, prepared, standardised
from graphlab.activity.sessions.session import Floats, Session, sure

MOST_PERMUTATIONS = 2000
PERMUTED = "permuted across animals"


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
    """NaN where neither shifts nor permutations are possible."""
    p_family: float = float("nan")
    q: float = float("nan")
    null_model: str | None = None
    assumption: str | None = None
    floor: float = float("nan")


@dataclass(frozen=True)
class Candidates:
    """Means of every class under what could have been: [classes, candidates], what was at ``actual``."""

    values: Floats
    actual: int
    ranks: int
    null_model: str
    assumption: str
    window: int

    def p(self, weight: Floats) -> tuple[Floats, Floats]:
        """(p of each class, p against the largest class), classes weighted so that their noise is alike."""
        size = np.abs(self.values) * weight[:, None]
        own = size[:, [self.actual]] * (1 - 1e-9)
        alone, family = (size >= own).sum(axis=1), (size.max(axis=0)[None] >= own).sum(axis=1)
        return np.minimum(1.0, alone / self.ranks), np.minimum(1.0, family / self.ranks)


Members = dict[str, dict[str, list[int]]]
"""Class -> animal -> traces."""


def pool(
    sessions: Sequence[Session],
    tunings: Sequence[Tuning],
    min_confidence: float | None = None,
    options: TuningOptions | None = None,
) -> list[Pooled]:
    """``pool_tested`` without its table."""
    return pool_tested(sessions, tunings, min_confidence, options)[0]


def pool_tested(
    sessions: Sequence[Session],
    tunings: Sequence[Tuning],
    min_confidence: float | None = None,
    options: TuningOptions | None = None,
) -> tuple[list[Pooled], list[Family]]:
    """Pool tunings by neuron class; animals without identities contribute nothing.

    Args:
        tunings: of one set of options, with their null values kept.
        min_confidence: identities less sure than this are left out.
        options: those the tunings were made with.
    """
    by_animal = {session.animal: session for session in sessions}
    chosen = options or TuningOptions()
    groups: dict[tuple[str, str], list[Tuning]] = defaultdict(list)
    for tuning in tunings:
        groups[tuning.behavior, tuning.measure].append(tuning)
    pooled: list[list[Pooled]] = []
    families = []
    for (behavior, measure), group in sorted(groups.items()):
        members = _members(by_animal, group, min_confidence)
        if not members:
            continue
        rows = [_described(name, behavior, measure, group, traces) for name, traces in members.items()]
        drawn = _candidates(by_animal, behavior, measure, group, members, chosen)
        named = {"behavior": behavior, "measure": measure, "tests": len(rows)}
        if drawn is None:
            families.append(untested("classes", "neither shifts nor animals enough", **named))
        else:
            p, family = drawn.p(np.sqrt([row.animals for row in rows]))
            rows = [
                replace(row, p=float(a), p_family=float(b), null_model=drawn.null_model, assumption=drawn.assumption,
                        floor=1.0 / drawn.ranks)
                for row, a, b in zip(rows, p, family, strict=True)
            ]  # fmt: skip
            families.append(
                Family(
                    None,
                    "classes",
                    behavior,
                    measure,
                    drawn.null_model,
                    drawn.assumption,
                    len(rows),
                    drawn.window,
                    drawn.window,
                    drawn.values.shape[1],
                    1.0 / drawn.ranks,
                    float(np.nanmin(family)),
                )
            )
        pooled.append(rows)
    whole, members_q = over_families(
        [one.p for one in families], [np.array([r.p_family for r in rows]) for rows in pooled]
    )
    result = []
    for line, value, rows, own in zip(families, whole, pooled, members_q, strict=True):
        line.q, line.found = float(value), int((own <= LEVEL).sum())
        result += [replace(row, q=float(q)) for row, q in zip(rows, own, strict=True)]
    return result, families


def _members(by_animal: dict[str, Session], tunings: Sequence[Tuning], min_confidence: float | None) -> Members:
    members: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for tuning in tunings:
        for trace, neuron in enumerate(by_animal[tuning.animal].neurons):
            if neuron.neuron_class and sure(neuron, min_confidence) and np.isfinite(tuning.value[trace]):
                members[neuron.neuron_class][tuning.animal].append(trace)
    return {name: dict(members[name]) for name in sorted(members)}


def _described(
    name: str, behavior: str, measure: str, tunings: Sequence[Tuning], traces: dict[str, list[int]]
) -> Pooled:
    from scipy.stats import t

    value = {tuning.animal: tuning.value for tuning in tunings}
    everyone = np.concatenate([value[animal][own] for animal, own in traces.items()])
    mean, count = float(everyone.mean()), len(traces)
    lo = hi = float("nan")
    if count > 1:
        means = [float(value[animal][own].mean()) for animal, own in traces.items()]
        half = float(t.ppf(0.975, count - 1)) * float(np.std(means, ddof=1)) / np.sqrt(count)
        lo, hi = mean - half, mean + half
    return Pooled(name, behavior, measure, len(everyone), count, mean, lo, hi, float("nan"))


def _candidates(
    by_animal: dict[str, Session],
    behavior: str,
    measure: str,
    tunings: Sequence[Tuning],
    members: Members,
    options: TuningOptions,
) -> Candidates | None:
    """Shifts common to all animals, or permuted animals where there are none."""
    used = [one for one in tunings if any(one.animal in traces for traces in members.values())]
    own = all(one.null is not None and one.null_values is not None for one in used)
    if own and not options.needs_others:
        return _common(used, members)
    if len(used) > 1 and measure != "mutual_information":
        return _permuted([by_animal[one.animal] for one in used], behavior, measure, members, options)
    return None


def _common(used: Sequence[Tuning], members: Members) -> Candidates | None:
    """The same candidate in every animal, counted from what happened; the fewest that all have."""
    nulls = [one.null for one in used if one.null is not None]
    after = min(null.candidates - null.actual for null in nulls)
    before = min(null.actual for null in nulls)
    values = np.stack(
        [
            np.concatenate(
                [
                    one.null_values[traces[one.animal], one.null.actual - before : one.null.actual + after]
                    for one in used
                    if one.animal in traces and one.null is not None and one.null_values is not None
                ]
            ).mean(axis=0)
            for traces in members.values()
        ]
    )
    ranks = before + 1 if before else after
    window = min(len(null.middle) for null in nulls)
    return Candidates(values, before, ranks, nulls[0].name, nulls[0].assumption, window)


def _permuted(
    sessions: Sequence[Session], behavior: str, measure: str, members: Members, options: TuningOptions
) -> Candidates | None:
    """Every animal's traces with every animal's behaviour, over the first frames that all have."""
    rate = float(np.median([session.step_s for session in sessions]))
    if any(abs(session.step_s / rate - 1.0) >= SAME_RATE for session in sessions):
        return None
    frames = min(session.frames for session in sessions)
    cross = np.zeros((len(members), len(sessions), len(sessions)))
    for a, session in enumerate(sessions):
        own = [(c, traces[session.animal]) for c, traces in enumerate(members.values()) if session.animal in traces]
        for b, other in enumerate(sessions):
            values = other.behavior(behavior)[:frames]
            keep = np.isfinite(values)
            signal = rectified(values[keep], measure)
            if not keep.any() or np.ptp(signal) == 0:
                return None
            segment = session.segment[:frames][keep]
            basis = drift_basis(segment, session.step_s, options.detrend_s)
            inside = np.zeros(session.frames, dtype=bool)
            inside[:frames] = keep
            unit = prepared(session.rows, segment, basis, inside)
            lagged = [
                unit @ standardised(delayed(signal[None], segment, int(lag)), basis)[0]
                for lag in lags_of(options, measure, session.step_s)
            ]
            each = np.stack(lagged)
            r = np.take_along_axis(each, np.abs(each).argmax(axis=0)[None], 0)[0]
            for c, traces in own:
                cross[c, a, b] = r[traces].sum()
    order = _orders(len(sessions), options.seed)
    count = np.array([sum(len(own) for own in traces.values()) for traces in members.values()])
    values = cross[:, np.arange(len(sessions)), order].sum(axis=2) / count[:, None]
    return Candidates(values, 0, len(order), PERMUTED, NULLS["pseudo_session"].assumes, frames)


def _orders(animals: int, seed: int) -> np.ndarray:
    """[permutations, animals], what happened first; all of them where they are few."""
    if math.factorial(min(animals, 10)) <= MOST_PERMUTATIONS:
        return np.array(list(itertools.permutations(range(animals))))
    rng = np.random.default_rng(seed)
    drawn = [rng.permutation(animals) for _ in range(MOST_PERMUTATIONS - 1)]
    return np.stack([np.arange(animals), *drawn])

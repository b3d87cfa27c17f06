"""Section: what models predict, and every reason to doubt it: splits, leaks, baselines, calibration, errors by type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from graphlab.charts.analyses import Shade, heat_map
from graphlab.charts.drawings import NARROW
from graphlab.predict import figures
from graphlab.predict.card import PredictorCard
from graphlab.predict.controls.control_plan import shown
from graphlab.predict.evaluation.curves import GRID, confusion, pair_errors, precision_recall_curve, roc_curve
from graphlab.predict.learners.calibration import SELECTIVE
from graphlab.predict.protocol import NOMINATED
from graphlab.predict.saved_runs import HeldFold, SavedRun, estimate_text, saved_runs
from graphlab.report.page import Block, Card, Cards, Figure, Figures, Notes, Section, Table
from graphlab.report.section import ReportedGraph, Subject, report_section

if TYPE_CHECKING:
    import pyarrow as pa


MOST_LINES = 7
MOST_TYPES = 20
MOST_BARS = 16
FEWEST_KEPT = 10
"""Answers behind the first point of a selective curve."""
UNTYPED = "no type"
ECE_NOTE = (
    "an interval of ECE may lie above its value: resampled classes repeat examples, and fewer different ones look "
    "worse calibrated; read its upper end"
)
METRICS = {
    "auroc": "AUROC", "average_precision": "average precision", "brier": "Brier", "ece": "ECE",
    "ece_equal_mass": "ECE, equal mass", "macro_f1": "macro-F1", "accuracy": "accuracy",
}  # fmt: skip


@report_section("predictions", "models")
def section(subject: Subject) -> Section | None:
    """Every saved run of the models folder; None where there is none."""
    runs, troubles = saved_runs(subject.graph.path / "models")
    if not runs and not troubles:
        return None
    blocks: list[Block] = []
    tables: dict[str, pa.Table] = {}
    for run in runs:
        blocks += _about(run)
        tables[f"predictions_{run.name}_scores"] = _scores_table(run)
        if run.held:
            blocks.append(Figures(_curves(run)))
        blocks += [*_scores(run), *_verdict(run), _leaks(run)]
        if run.held:
            blocks.append(_uncertainty(run))
            blocks += _errors(run, _types(subject.graph), tables)
        if rows := run.card.importance:
            blocks.append(Figures([_importance(run, rows)]))
        if controls := run.card.controls:
            blocks.append(_controls(run, controls))
        notes = [str(note) for note in (*run.card.notes, *run.card.importance_notes)]
        if not run.held:
            notes.append("held-out predictions were not kept: no curves and no errors by type")
        blocks.append(Notes(notes))
    if troubles:
        blocks.append(Notes(troubles))
    return Section("Predictions", blocks, tables)


def _about(run: SavedRun) -> list[Block]:
    card = run.card
    tested = [int(fold["test"]) for fold in card.folds]
    cards = [
        Card("model", run.name),
        Card("task", str(card.task)),
        Card("held out by", str(card.split)),
        Card("folds; test examples in each", f"{len(tested)}; {np.mean(tested):,.0f}"),
    ]
    common = sorted(card.base_rates.items(), key=lambda item: -item[1])
    cards += [Card(f"base rate of {name}", f"{rate:.1%}") for name, rate in common[:2]]
    if card.nominated:
        chosen = [str(name) for name in card.nominated]
        counts = {name: chosen.count(name) for name in dict.fromkeys(chosen)}
        cards.append(Card("nominated on inner folds", ", ".join(f"{name} ({k})" for name, k in counts.items())))
    return [Cards(cards)]


def _ranked(run: SavedRun) -> list[str]:
    """Predictors by the task's first metric, best first."""

    def value(name: str) -> float:
        score = run.card.scores[name].get(run.metric, {}).get("value")
        return float(score) if isinstance(score, (int, float)) and np.isfinite(score) else -np.inf

    return sorted(run.card.scores, key=lambda name: (-value(name), name))


def _drawn(run: SavedRun) -> list[str]:
    """The predictor chosen, the reference, then the best others; what was nominated is not drawn twice."""
    nominated = {str(name) for name in run.card.nominated}
    same = nominated if len(nominated) == 1 and NOMINATED in run.held else set()
    first = [run.chosen, str(run.card.reference)]
    return [name for name in dict.fromkeys([*first, *_ranked(run)]) if name in run.held and name not in same][
        :MOST_LINES
    ]


def _curves(run: SavedRun) -> list[Figure]:
    names = _drawn(run)
    folds = {name: [fold.pair for fold in run.held[name]] for name in names}
    pairs = len(run.classes) == 2
    what = "" if pairs else " Each class is scored against the rest, pooled."
    base = float(run.card.base_rates.get(run.classes[1], 0.0)) if pairs else 1 / len(run.classes)
    labels = {name: _label(run, name) for name in names}
    roc = [figures.Line(labels[name], GRID, roc_curve(folds[name])) for name in names]
    pr = [figures.Line(labels[name], GRID, precision_recall_curve(folds[name])) for name in names]
    # Left of a recall of 5 % a handful of pairs decide.
    top = figures.round_top(max([0.1, *(float(line.y[10:].max(initial=0.0)) for line in pr if np.isfinite(line.y[0]))]))
    true, lines = _reliability(run, names, labels)
    kept = [figures.Line(labels[name], *_selective(folds[name])) for name in names]
    worst = figures.round_top(max([0.02, *(float(line.y.max(initial=0.0)) for line in kept)]))
    plots = [
        ("roc", figures.unit_square(roc, "false positive rate", "true positive rate", f"ROC of {run.name}", True),
         f"ROC, mean over folds.{what}"),
        ("precision_recall",
         figures.unit_square(pr, "recall", "precision", f"precision and recall of {run.name}", level=base, top=top),
         f"Precision against recall, mean over folds; dashed: chance.{what}"),
        ("reliability", figures.unit_square(lines, "predicted probability", "observed share",
          f"reliability of {run.name}", True),
         f"Reliability: {true} Larger dots stand for more examples; on the dashed line the two agree."),
        ("selective", figures.unit_square(kept, "share answered, the surest first", "error among them",
                                          f"error against coverage of {run.name}", top=worst),
         "Error when only the surest answers are given, folds pooled."),
    ]  # fmt: skip
    return [Figure(svg, caption, f"predictions_{run.name}_{name}") for name, svg, caption in plots]


def _label(run: SavedRun, name: str) -> str:
    nominated = list(dict.fromkeys(str(one) for one in run.card.nominated))
    return f"{name} ({', '.join(nominated)})" if name == NOMINATED and nominated else name


def _reliability(run: SavedRun, names: Sequence[str], labels: Mapping[str, str]) -> tuple[str, list[figures.Line]]:
    """What a dot stands for, and the dots of the bins that the card has."""
    lines = []
    for name in names:
        bins = np.array(run.card.reliability.get(name, []), dtype=np.float64).reshape(-1, 3)
        lines.append(figures.Line(labels[name], bins[:, 0], bins[:, 1], bins[:, 2]))
    what = f"how often '{run.classes[1]}' was so" if len(run.classes) == 2 else "how often the answer was right"
    return f"{what}, by the probability given, in tenths, folds pooled.", lines


def _selective(folds: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """(coverage, error) at the places of the grid, tied confidences one threshold."""
    label, probability = (np.concatenate(part) for part in zip(*folds, strict=True))
    values, place = np.unique(-probability.max(axis=1), return_inverse=True)
    kept = np.cumsum(np.bincount(place, minlength=len(values)))
    wrong = np.cumsum(np.bincount(place, weights=probability.argmax(axis=1) != label, minlength=len(values)))
    keep = np.unique(np.searchsorted(kept, GRID[1:] * len(label)).clip(max=len(kept) - 1))
    keep = keep[kept[keep] >= min(FEWEST_KEPT, len(label))]
    return kept[keep] / len(label), wrong[keep] / kept[keep]


def _scores(run: SavedRun) -> list[Block]:
    """Baselines beside models, best first, and what chance would score."""
    card = run.card
    metrics = list(next(iter(card.scores.values())))
    reference = str(card.reference)
    names = [METRICS.get(name, name) for name in metrics]
    columns = ["predictor", *names, f"{names[0]} minus reference"]
    rows: list[list[str | Markup]] = []
    for name in _ranked(run):
        scores = card.scores[name]
        gap = card.differences.get(name, {}).get(metrics[0])
        row = [_label(run, name), *(estimate_text(scores.get(metric)) for metric in metrics)]
        row.append("reference" if name == reference else estimate_text(gap, signed=True))
        rows.append([*row])
    chance = _chance(run)
    nobody = "chance" if len(run.classes) == 2 else "always the most common"
    rows.append([nobody, *(chance.get(metric, "") for metric in metrics), ""])
    title = (
        f"{run.name}: scores of held-out examples, mean over {len(card.folds)} folds [95 % interval, homologue "
        "classes resampled], every predictor on the same folds"
    )
    blocks: list[Block] = [Table(columns, rows, numbers=tuple(range(1, len(columns))), title=title)]
    if any(_beside(scores.get("ece")) for scores in card.scores.values()):
        blocks.append(Notes([ECE_NOTE]))
    return blocks


def _beside(estimate: Mapping[str, Any] | None) -> bool:
    """Whether an interval leaves its own value out."""
    value, lo = _number((estimate or {}).get("value")), _number((estimate or {}).get("lo"))
    return lo > value


def _uncertainty(run: SavedRun) -> Table:
    """How much can be kept, and what calibration changes: the card's, or without intervals from the answers kept."""
    known = run.card.uncertainty
    columns = ["predictor", "kept at 95 % right", "area of error", "ECE calibrated", "change of ECE"]
    rows: list[list[str | Markup]] = []
    for name in _ranked(run):
        if name not in run.held:
            continue
        measures = dict(known.get(name, {}))
        for metric, function in SELECTIVE.items():
            values = [function(*fold.pair, np.ones(len(fold.label))) for fold in run.held[name]]
            measures.setdefault(metric, {"value": float(np.mean(values))})
        cells = [estimate_text(measures.get(key)) for key in ("coverage_at_95", "selective_area", "ece_calibrated")]
        rows.append([_label(run, name), *cells, estimate_text(measures.get("ece_change"), signed=True)])
    most = max(float(rate) for rate in run.card.base_rates.values())
    title = (
        "Only the surest answers: the share that can be given with 95 % of them right, and the area under error "
        f"against coverage. Always the most common answer is right in {most:.1%}"
    )
    return Table(columns, rows, numbers=(1, 2, 3, 4), title=title)


def _chance(run: SavedRun) -> dict[str, str]:
    rates = run.card.base_rates
    if len(run.classes) == 2:
        rate = float(rates.get(run.classes[1], 0.0))
        return {"auroc": "0.500", "average_precision": f"{rate:.3f}", "brier": f"{rate * (1 - rate):.3f}"}
    most = max(float(rate) for rate in rates.values())
    # Always the most common class: its F1, and 0 for every other class.
    return {"accuracy": f"{most:.3f}", "macro_f1": f"{2 * most / (1 + most) / len(run.classes):.3f}"}


def _leaks(run: SavedRun) -> Table:
    promised, unchecked = set(run.card.promised_absent), dict(run.card.promises_unchecked)
    rows: list[list[str | Markup]] = []
    for name, share in run.card.leaks.items():
        if name in unchecked:
            rows.append([str(name), "–", f"promised, not checked: {unchecked[name]}"])
        else:
            rows.append([str(name), f"{float(share):.1%}", "yes, and checked" if name in promised else "no"])
    for kind, share in dict(run.card.near_copies.get("share", {})).items():
        rows.append([f"near copy by {kind}, no twin declared", f"{float(share):.1%}", "no"])
    title = "Test examples that share something with training examples"
    return Table(["leak", "test examples", "kept apart by the split"], rows, numbers=(1,), title=title)


def _verdict(run: SavedRun) -> list[Block]:
    """What is recommended and why, and every candidate beside the reference."""
    card = run.card
    if card.recommended_because is None:
        return []
    rows: list[list[str | Markup]] = []
    metrics: list[str] = []
    for name, row in card.compared.items():
        metrics = metrics or [str(one["metric"]) for one in row]
        cells = [f"{estimate_text(one['difference'], signed=True)} {one['verdict']}" for one in row]
        rows.append([_label(run, name), *cells, _p(card, name)])
    rows.append([str(card.reference), *("reference" for _ in metrics), _p(card, str(card.reference))])
    columns = ["predictor", *(f"{METRICS.get(name, name)} minus reference" for name in metrics), "p against guessing"]
    title = (
        f"Beside the reference, {card.reference}: intervals hold for {card.comparisons} candidates at "
        "once; p by permuted held-out labels, of those asked for the recommendation"
    )
    return [Table(columns, rows, title=title), Notes([card.recommended_because])]


def _p(card: PredictorCard, name: str) -> str:
    chance = card.chance.get(name)
    return f"{chance['p']:.3g} (at least {chance['floor']:.3g})" if chance else ""


def _types(graph: ReportedGraph) -> dict[int, str]:
    rows = graph.query("SELECT root_id, cell_type FROM neurons WHERE cell_type IS NOT NULL").to_arrow()
    return dict(zip(rows["root_id"].to_pylist(), (str(t) for t in rows["cell_type"].to_pylist()), strict=True))


def _errors(run: SavedRun, types: Mapping[int, str], tables: dict[str, pa.Table]) -> list[Block]:
    import pyarrow as pa

    folds = run.held.get(run.chosen, [])
    if not folds:
        return []
    if run.card.kind == "node":
        counts = confusion([fold.pair for fold in folds], len(run.classes))
        rows = _type_rows(run.classes, counts)
        tables[f"predictions_{run.name}_types"] = pa.Table.from_pylist(rows)
        caption = f"True types (rows) and the types that {_label(run, run.chosen)} predicted (columns)."
        drawn, narrow = (_confusion(run, counts, within) for within in (900.0, NARROW))
        figure = Figure(drawn, caption, f"predictions_{run.name}_confusion", narrow)
        return [Figures([figure]), _types_table(run, rows)]
    errors = pair_errors(
        [fold.pair for fold in folds],
        {end: [_named(fold, end, types) for fold in folds] for end in ("first", "second")},
    )
    tables[f"predictions_{run.name}_types"] = pa.Table.from_pylist([vars(row) for row in errors])
    total = sum(row.squared_error for row in errors if row.end == "first")
    cells: list[list[str | Markup]] = [
        [row.type, row.end, f"{row.pairs:,}", f"{row.observed:.1%}", f"{row.predicted:.1%}",
         f"{row.squared_error / row.pairs:.3f}", f"{row.squared_error / total:.1%}" if total else "–"]
        for row in errors[:MOST_TYPES]
    ]  # fmt: skip
    names = ["type", "end", "pairs", f"{run.classes[1]}, observed", "predicted", "Brier", "share of all error"]
    title = f"Where the errors of {_label(run, run.chosen)} are: by the type at either end of a pair, most first"
    return [Table(names, cells, numbers=(2, 3, 4, 5, 6), title=title)]


def _controls(run: SavedRun, controls: Sequence[Mapping[str, Any]]) -> Table:
    table = shown(controls)
    cells: list[list[str | Markup]] = [[*row.values()] for row in table.to_pylist()]
    return Table(table.column_names, cells, numbers=(4, 5, 6), title=f"{run.name}: controls of {run.card.predictor}")


def _named(fold: HeldFold, end: str, types: Mapping[int, str]) -> list[str]:
    ids = fold.source if end == "first" else fold.target
    return [types.get(root_id, UNTYPED) for root_id in ids.tolist()]


def _confusion(run: SavedRun, counts: np.ndarray, within: float) -> Markup:
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    shown = np.where(counts > 0, share, np.nan)
    texts = [
        [
            f"{true} predicted as {predicted}: {counts[i, k]:,} ({share[i, k]:.0%})"
            for k, predicted in enumerate(run.classes)
        ]
        for i, true in enumerate(run.classes)
    ]
    label, shade = (
        f"confusion of {run.name}",
        Shade("share of the true type", 1.0, {0.0: "0 %", 0.5: "50 %", 1.0: "100 %"}),
    )
    return heat_map(run.classes, run.classes, shown, texts, label, shade, "predicted", "true", within)


def _type_rows(classes: Sequence[str], counts: np.ndarray) -> list[dict[str, Any]]:
    """Precision, recall and F1 of every type that was tested, the worst first."""
    rows = []
    for k, name in enumerate(classes):
        true, called, hit = int(counts[k].sum()), int(counts[:, k].sum()), int(counts[k, k])
        if not true:
            continue
        wrong = counts[k].copy()
        wrong[k] = 0
        rows.append({
            "type": name, "tested": true, "recall": hit / true, "precision": hit / called if called else float("nan"),
            "f1": 2 * hit / (true + called), "most_often_called": classes[int(wrong.argmax())] if wrong.any() else None,
        })  # fmt: skip
    return sorted(rows, key=lambda row: (row["f1"], row["type"]))


def _types_table(run: SavedRun, rows: Sequence[Mapping[str, Any]]) -> Table:
    cells: list[list[str | Markup]] = [
        [row["type"], f"{row['tested']:,}", f"{row['recall']:.1%}",
         f"{row['precision']:.1%}" if row["precision"] == row["precision"] else "–", f"{row['f1']:.3f}",
         row["most_often_called"] or "–"]
        for row in rows[:MOST_TYPES]
    ]  # fmt: skip
    names = ["type", "tested", "found (recall)", "right (precision)", "F1", "otherwise predicted as"]
    return Table(names, cells, numbers=(1, 2, 3, 4), title=f"Types by {_label(run, run.chosen)}, the worst first")


def _importance(run: SavedRun, rows: Sequence[Mapping[str, Any]]) -> Figure:
    shown = [
        figures.Bar(str(row["of"]), f"{row['way']}, {row['predictor']}", *(_number(row["loss"].get(key)) for key in
                    ("value", "lo", "hi")))
        for row in rows
    ][:MOST_BARS]  # fmt: skip
    metric = METRICS.get(str(rows[0]["metric"]), str(rows[0]["metric"]))
    svg = figures.bars(shown, f"loss of {metric}", f"importance of sources for {run.name}")
    caption = (
        "What is lost without a source of information, on the same folds, with 95 % intervals of the paired difference "
        "(homologue classes resampled). Shuffled: the fitted model is shown other neurons' values. Left out: fitted "
        "anew without it; two sources that say the same replace each other."
    )
    return Figure(svg, caption, f"predictions_{run.name}_importance")


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) else float("nan")


def _scores_table(run: SavedRun) -> pa.Table:
    import pyarrow as pa

    rows = [
        {"predictor": name, "metric": metric, **{key: _number(estimate.get(key)) for key in ("value", "lo", "hi")},
         **{f"minus_reference_{key}": _number(gap.get(key)) for key in ("value", "lo", "hi")}}
        for name, scores in run.card.scores.items()
        for metric, estimate in scores.items()
        for gap in [run.card.differences.get(name, {}).get(metric, {})]
    ]  # fmt: skip
    return pa.Table.from_pylist(rows)

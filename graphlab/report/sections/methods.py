"""A methods paragraph to paste: data, versions, recipe, counts, nulls, seeds, references.

Tests: tests/graphlab/report/test_page.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphlab.report.page import Block, Notes, Quote, Section
from graphlab.report.section import Subject, report_section
from graphlab.store.information import GraphInfo
from graphlab.store.runs.runs import versions
from graphlab.store.wiring.recipe import recipe_text

if TYPE_CHECKING:
    from graphlab.motifs.significance.motifs import Significance

CENSUS = {
    2: "Davis & Leinhardt 1972. The structure of positive interpersonal relations in small groups.",
    3: "Davis & Leinhardt 1972. The structure of positive interpersonal relations in small groups.",
    4: "Pinar, Seshadhri & Vishal 2017. ESCAPE: efficiently counting all 5-vertex subgraphs. WWW.",
}
MOTIFS = "Milo et al. 2002. Network motifs: simple building blocks of complex networks. Science 298:824."
RATES = "Benjamini & Hochberg 1995. Controlling the false discovery rate. J. R. Stat. Soc. B 57:289."
CHAIN = "Besag & Clifford 1989. Generalized Monte Carlo significance tests. Biometrika 76:633."
COUNTED = {2: "dyads", 3: "triads", 4: "the 199 connected tetrads"}


@report_section("methods")
def section(subject: Subject) -> Section:
    """The paragraph and its references."""
    results, graph = subject.results, subject.graph
    text = " ".join([data(subject.info), *(tested(one) for one in results), software()])
    sizes = {one.size for one in results} or {3}
    cited = [CENSUS[size] for size in sorted(sizes)]
    if results:
        cited += [MOTIFS, RATES]
        if any(one.mixing is not None for one in results):
            cited.append(CHAIN)
    cited = list(dict.fromkeys(cited))
    again = [f"graphlab rerun {graph.path.name} {run}" for run, one in graph.motifs.kept_significance() if results]
    blocks: list[Block] = [Quote(text, "methods"), Notes(cited)]
    if again:
        blocks.append(Notes([f"To compute the latest result again and compare it byte for byte: {again[0]}"]))
    return Section("Methods", blocks)


def data(info: GraphInfo) -> str:
    """What was analysed."""
    source = info.dataset or "The data"
    if info.materialization:
        source += f" (materialization {info.materialization})"
    part = f" Analysed was {info.subset}." if info.subset else ""
    return (
        f"{source} was held as a graph (data version {info.data_version}) of {info.counts['neurons_in_graph']:,} "
        f"neurons and {info.counts['chemical']:,} chemical connections; {recipe_text(info.recipe)}. "
        f"Autapses ({info.counts['autapses']:,}) were left out of every count.{part}"
    )


def tested(result: Significance) -> str:
    """One comparison with a null."""
    meta = result.view_meta or {}
    least = f" of weight {meta['min_weight']:g} or more" if meta.get("min_weight") else ""
    part = str(meta.get("compartment", "")).partition("@")[0].replace(",", ", ")
    kind = f"{f'{part} ' if part else ''}{meta.get('kind', 'chemical')} connections{least}"
    hidden = meta.get("unobservable")
    observable = f", {hidden:,} of them outside the observable pairs and left out" if hidden else ""
    text = (
        f"Induced counts of {COUNTED[result.size]} over the {kind}{observable} were exact and compared with "
        f"{result.samples:,} random graphs (seed {result.seed}). {result.sentence} "
        "p values are empirical and two-sided (twice the smaller tail with the +1 correction); q values are "
        f"Benjamini-Hochberg over {int(result.tested.sum())} classes."
    )
    caveats = [text for text in result.caveats if text.startswith("not corrected")]
    return " ".join([text, *(f"Tetrads are {caveat}." for caveat in caveats)])


def software() -> str:
    """What computed it."""
    used = versions()
    return (
        f"Computed with graphlab {used['graphlab-connectome']}, Python {used['python']}, DuckDB {used['duckdb']}, "
        f"NumPy {used['numpy']} and Numba {used['numba']}."
    )

"""The page in a real browser: every view and main action, nothing asked of other hosts, nothing that bars a reader."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from graphlab.graph import Graph

expect: Any = pytest.importorskip("playwright.sync_api").expect
expect.set_options(timeout=60_000)  # of a machine that is busy with other things
pytestmark = pytest.mark.slow
BASE = 720575940603560295
VIEWS = {
    "home": "home",
    "query": f"query?text={quote('SELECT root_id, name, cell_type FROM neurons ORDER BY 1')}",
    "motif": f"motif?text={quote('A -> B [weight >= 2]' + chr(10) + 'B !> A' + chr(10) + 'B -> C')}",
    "motifs": "motifs/3/021D",
    "network": "network?who=n0&partners=5",
    "types": "types",
    "paths": "paths?from=n0&to=n5&how=5",
    "map": "map",
    "sets": "sets",
    "results": "results",
    "neuron": f"neuron/{BASE}?min_weight=2",
    "type": "type/A",
    "connection": "connection/n0/n1",
    "search": "search?text=n1",
}
COMPUTED = {"sets": "sets", "map": "map?method=umap", "neuron": "neuron/n0?min_score=0.5"}
"""Views of the graph that has results; a run is added."""
NARROW = ("query", "motif", "types", "network", "neuron", "map")
"""Views that have most to lay out."""
ALL = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
BARRED = """async (rules) => (await axe.run(document, {runOnly: rules, resultTypes: ["violations"]}))
  .violations.filter((one) => ["serious", "critical"].includes(one.impact))
  .map((one) => `${one.id}: ${one.nodes.map((node) => node.html.slice(0, 200)).join(" | ")}`)"""


def settled(page: Any) -> None:
    """Nothing is waited for any more."""
    expect(page.locator("main h1")).to_be_visible()
    expect(page.locator("[aria-busy=true], .waiting")).to_have_count(0)


@pytest.mark.parametrize(
    ("scheme", "width", "rules"),
    [("light", 1280, ALL), ("dark", 400, ["color-contrast"])],
    ids=["light", "dark-narrow"],
)
def test_every_view(
    visit: Callable[..., Any],
    site: str,
    axe: str,
    tmp_path_factory: pytest.TempPathFactory,
    scheme: str,
    width: int,
    rules: list[str],
) -> None:
    pictures = tmp_path_factory.getbasetemp() / "page"  # kept, for people to look at
    pictures.mkdir(exist_ok=True)
    page = visit(f"{site}/g/made/home", scheme, width)
    page.evaluate(axe)
    for name in VIEWS if width > 1000 else NARROW:
        address = VIEWS[name]
        # Within the page, as its links go: the checks stay loaded.
        page.evaluate("to => {history.pushState(null, '', to); dispatchEvent(new PopStateEvent('popstate'));}",
                      f"/g/made/{address}")  # fmt: skip
        expect(page.locator(f"main[data-view={name}]")).to_be_visible()
        settled(page)
        assert page.locator(".trouble:visible").all_inner_texts() == [], name
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), name
        assert page.evaluate(BARRED, rules) == [], name
        picture = page.screenshot(path=pictures / f"{name}-{scheme}-{width}.png", full_page=True)
        assert len(picture) > 8_000


def pictured(visit: Callable[..., Any], site: str, axe: str, folder: Path, run: str, scheme: str, width: int) -> None:
    """Views of what was computed, with the picture of each kept for people to look at."""
    page = visit(f"{site}/g/computed/home", scheme, width)
    page.evaluate(axe)
    views = {**COMPUTED, "run": f"results/{run}"}
    for name in views if width > 1000 else ("neuron", "run"):
        address = views[name]
        page.evaluate("to => {history.pushState(null, '', to); dispatchEvent(new PopStateEvent('popstate'));}",
                      f"/g/computed/{address}")  # fmt: skip
        expect(page.locator(f"main[data-view={'results' if name == 'run' else name}]")).to_be_visible()
        settled(page)
        assert page.locator(".trouble:visible").all_inner_texts() == [], name
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), name
        assert page.evaluate(BARRED, ALL if width > 1000 else ["color-contrast"]) == [], name
        page.screenshot(path=folder / f"computed-{name}-{scheme}-{width}.png", full_page=True)
    assert page.locator(".drawn img").evaluate("one => one.decode().then(() => one.naturalWidth)") > 100


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 400)])
def test_what_was_computed_is_drawn(
    visit: Callable[..., Any], site: str, axe: str, computed: Graph, tmp_path_factory: Any, scheme: str, width: int
) -> None:
    pictures = tmp_path_factory.getbasetemp() / "page"
    pictures.mkdir(exist_ok=True)
    run = computed.runs("simulate").to_pylist()[0]["run_id"]
    pictured(visit, site, axe, pictures, run, scheme, width)


def test_sets_go_into_the_graph_and_versions_keep_the_view(
    visit: Callable[..., Any], site: str, computed: Graph
) -> None:
    page = visit(f"{site}/g/computed/sets", refused=True)
    page.get_by_label("Neurons", exact=True).fill("cell_type=A")
    page.get_by_label("Name of the set").fill("typed")
    page.get_by_role("button", name="Keep").click()
    expect(page.locator("[role=status]", has_text="saved as typed in the graph")).to_be_visible()
    saved = computed.sets["typed"].root_ids.tolist()
    assert saved == computed.neurons({"cell_type": "A"}).to_arrow()["root_id"].to_pylist()
    page.get_by_role("button", name="Keep").click()
    expect(page.locator("[role=status] .trouble")).to_contain_text("exists already")
    page.get_by_role("button", name="Remove typed from the graph").click()
    expect(page.locator("[role=status]", has_text="no longer in the graph")).to_be_visible()
    assert "typed" not in list(computed.sets)
    page.goto(f"{site}/g/made/neuron/n0?min_weight=2&min_score=0.5")
    settled(page)
    version = page.get_by_label("Synapse version")
    expect(version.locator("option")).to_have_count(3)
    expect(version.locator("option", has_text="score 0.25 or more")).to_have_count(1)
    page.get_by_role("tab", name="Synapses").click()
    score = page.locator("section, .body", has_text="Synapses of score 0.5 or more").last
    expect(score).to_be_visible()
    wanted = len(computed.synapses.of("n0", min_score=0.5))
    expect(page.locator("[role=tabpanel] .where")).to_contain_text(f"{wanted} rows")
    version.select_option("computed")
    expect(page).to_have_url(f"{site}/g/computed/neuron/n0?min_weight=2&min_score=0.5")
    outputs = page.locator("section", has=page.get_by_role("heading", name="Outputs"))
    there = computed.partners("n0", direction="out", min_weight=2.0).to_arrow()["weight"].to_pylist()
    expect(outputs.locator("tbody tr")).to_have_count(len(there))
    assert [row.split("\t")[2].strip() for row in outputs.locator("tbody tr").all_inner_texts()] == [
        f"{weight:g}" for weight in there
    ]


def test_a_set_of_the_browser_is_a_word_of_questions(visit: Callable[..., Any], site: str) -> None:
    page = visit(f"{site}/g/made/sets")
    page.get_by_label("Neurons", exact=True).fill("n0, n1")
    page.get_by_label("Name of the set").fill("own")
    page.get_by_role("button", name="Keep").click()
    expect(page.locator("[role=status]", has_text="kept as own in this browser")).to_be_visible()
    page.goto(f"{site}/g/made/query?text={quote('SELECT root_id FROM neurons WHERE root_id IN $own')}")
    expect(page.locator(".answer .where")).to_have_text("2 rows")


def typed(page: Any, text: str) -> None:
    page.locator(".cm-content").focus()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(text)


def test_questions(visit: Callable[..., Any], site: str, graph: Graph) -> None:
    page = visit(f"{site}/g/made/query")
    text = "SELECT pre_root_id, post_root_id, weight FROM connections ORDER BY weight DESC, 1, 2"
    typed(page, text)
    page.get_by_role("button", name="Run", exact=True).click()
    whole = graph.query(text).to_arrow().to_pylist()
    answer = page.locator(".answer")
    expect(answer.locator("tbody tr")).to_have_count(min(50, len(whole)))
    assert answer.locator("tbody tr").nth(1).inner_text().split("\t") == [
        str(whole[1]["pre_root_id"]), str(whole[1]["post_root_id"]), f"{whole[1]['weight']:g}"
    ]  # fmt: skip
    answer.get_by_role("button", name="Next page").click()
    expect(answer.locator(".where")).to_have_text(f"51 to {min(100, len(whole))} of {len(whole)} rows")
    answer.get_by_role("button", name="weight").click()
    answer.get_by_role("button", name="weight").click()
    expect(answer.locator("tbody td.number").first).to_have_text(f"{whole[-1]['weight']:g}")
    answer.get_by_label("Filter").fill(str(BASE + 7))
    mine = [row for row in whole if BASE + 7 in (row["pre_root_id"], row["post_root_id"])]
    expect(answer.locator(".where")).to_contain_text(f"{len(mine)} of {len(whole)} rows")
    with page.expect_download() as download:
        answer.get_by_role("link", name="CSV").click()
    rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text())))
    assert {(row["pre_root_id"], row["post_root_id"]) for row in rows} == {
        (str(row["pre_root_id"]), str(row["post_root_id"])) for row in mine
    }
    assert [float(row["weight"]) for row in rows] == sorted(float(row["weight"]) for row in mine)
    page.get_by_role("button", name="Count", exact=True).click()
    expect(page.locator(".count b")).to_have_text(str(len(whole)))
    typed(page, "MATCH (a:Neuron)-[e:ConnectsTo]->(b:Neuron) RETURN a.bodyId, b.bodyId")
    page.get_by_role("button", name="Explain").click()
    expect(page.locator(".plan")).to_contain_text("distinct edges")


def test_a_fault_is_underlined_and_words_are_offered(visit: Callable[..., Any], site: str) -> None:
    page = visit(f"{site}/g/made/query", refused=True)
    typed(page, "SELECT '🧠' AS brain,\n       cell_typ FROM neurons")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".cm-lintRange-error")).to_have_text("cell_typ")
    expect(page.locator(".trouble")).to_contain_text("line 2, column 8")
    typed(page, "SELECT cell_ty")
    page.keyboard.press("Control+Space")
    expect(page.get_by_role("option", name="cell_type").first).to_be_visible()
    page.keyboard.press("Enter")
    page.keyboard.insert_text(" FROM neurons WHERE name = 'n1")
    page.keyboard.press("Control+Space")
    expect(page.get_by_role("option").filter(has_text="n10")).to_be_visible()


def test_a_question_is_cancelled(visit: Callable[..., Any], site: str) -> None:
    page = visit(f"{site}/g/made/query", refused=True)
    typed(page, "SELECT count(*) FROM range(40000000) a, range(40000000) b WHERE hash(a.range + b.range) = 1")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator(".state")).to_contain_text("Working")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".state")).to_contain_text("no part of the answer is shown")
    typed(page, "SELECT 1 AS one")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator(".answer tbody td")).to_have_text("1")


def drag(page: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    """From one place of the drawing to another, in its own measure."""
    box = page.locator(".motif-canvas").bounding_box()
    places = [(box["x"] + x / 500 * box["width"], box["y"] + y / 350 * box["height"]) for x, y in (start, end)]
    page.mouse.move(*places[0])
    page.mouse.down()
    page.mouse.move(*places[1], steps=4)
    page.mouse.up()


def test_a_drawn_motif_is_found_on_the_larva(visit: Callable[..., Any], serve: Any, larva: Graph) -> None:
    with serve({"larva": larva}) as client:
        page = visit(f"{str(client.base_url).rstrip('/')}/g/larva/motif?min_weight=5")
        a, b, c = (120, 80), (380, 80), (250, 270)
        expect(page.locator(".hint")).to_contain_text("Click to put a neuron")
        for spot in (a, b, c):
            drag(page, spot, spot)
        expect(page.locator(".node")).to_have_count(3)
        for start, end in ((a, b), (b, c), (a, c), (c, a)):
            drag(page, start, end)
        page.mouse.click(
            *page.locator("[data-edge='C A'] .line").evaluate("""(line) => {
          const middle = line.getPointAtLength(line.getTotalLength() / 2).matrixTransform(line.getScreenCTM());
          return [middle.x, middle.y];
        }""")
        )
        page.get_by_label("Type of A").fill("PNs")
        page.get_by_label("Type of A").press("Tab")
        page.get_by_label("Least weight of B to C").fill("2")
        page.get_by_label("Least weight of B to C").press("Tab")
        text = "A -> B [weight >= 5]\nB -> C [weight >= 2]\nA -> C [weight >= 5]\nC !> A [weight >= 5]\n"
        text += 'A.cell_type = "PNs"'
        expect(page.locator(".cm-line")).to_have_text([*text.split("\n"), ""])
        page.get_by_role("button", name="Count", exact=True).click()
        wanted = larva.query(text, "dotmotif", count=True).scalar()
        assert wanted > 100
        expect(page.locator(".count b")).to_have_text(f"{wanted:,}")
        page.get_by_role("button", name="Find", exact=True).click()
        expect(page.locator(".answer .where")).to_contain_text(f"of {min(wanted, 10_000):,} rows")


def test_drawing_and_text_follow_each_other(visit: Callable[..., Any], site: str) -> None:
    page = visit(f"{site}/g/made/motif", refused=True)
    page.get_by_role("button", name="Add a neuron").click()
    page.get_by_role("button", name="Add a neuron").click()
    expect(page.locator(".told")).to_contain_text("A, B have no connection yet")
    page.locator("[data-node=A]").focus()
    page.keyboard.press("c")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".cm-line").first).to_have_text("A -> B")
    page.locator("[data-edge='A B']").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".cm-line").first).to_have_text("A !> B")
    page.get_by_label("B to A", exact=True).select_option("present")
    expect(page.locator(".edge")).to_have_count(2)
    expect(page.locator(".cm-line")).to_have_text(["A !> B", "B -> A", ""])
    address = page.url
    typed(page, "A -> B\nB -> C [weight > 3]\nC.cell_type = 'A'\nA === B")
    expect(page.locator(".node")).to_have_count(3)
    expect(page.locator("[data-edge='B C'] text")).to_have_text("> 3")
    expect(page.get_by_label("Type of C")).to_have_value("A")
    expect(page.locator(".rules")).to_contain_text("A === B")
    typed(page, "A -> B [weight > $least]")
    expect(page.locator(".told")).to_contain_text("cannot show weight > $least")
    expect(page.get_by_label("A to B", exact=True)).to_be_disabled()
    typed(page, "A -> B [weigh")
    expect(page.locator(".cm-lintRange-error")).to_be_visible()
    page.goto(address)
    expect(page.locator(".edge.absent")).to_have_count(1)
    expect(page.locator(".edge.present")).to_have_count(1)


def test_a_lasso_makes_a_set(visit: Callable[..., Any], site: str) -> None:
    page = visit(f"{site}/g/made/map")
    canvas = page.locator("canvas.points")
    expect(canvas).to_be_visible()
    assert canvas.evaluate("""async (canvas) => {
      canvas.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowLeft"}));
      canvas.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowRight"}));
      await new Promise(requestAnimationFrame);  // what was drawn is there until the frame ends
      const gl = canvas.getContext("webgl2"), pixels = new Uint8Array(canvas.width * canvas.height * 4);
      gl.readPixels(0, 0, canvas.width, canvas.height, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
      return pixels.some((value, k) => k % 4 === 3 && value > 200);
    }""")
    page.get_by_role("button", name="Lasso").click()
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + 4, box["y"] + 4)
    page.mouse.down()
    for x, y in ((box["width"] - 4, 4), (box["width"] - 4, box["height"] - 4), (4, box["height"] - 4), (4, 4)):
        page.mouse.move(box["x"] + x, box["y"] + y, steps=2)
    page.mouse.up()
    expect(page.locator(".picked b")).to_have_text("12 neurons chosen")
    page.get_by_label("Name of the set").fill("lassoed")
    page.get_by_role("button", name="Keep as a set").click()
    page.get_by_role("link", name="See it").click()
    expect(page.locator("h1")).to_have_text("Set lassoed")
    expect(page.locator("main .where")).to_have_text("12 rows")
    page.reload()
    expect(page.locator("main .where")).to_have_text("12 rows")
    page.locator("main").get_by_role("link", name="Network").click()
    expect(page).to_have_url(f"{site}/g/made/network?who=set%3Alassoed")
    expect(page.locator(".canvas[data-ready]")).to_be_visible()


def test_addresses_hold_what_is_shown(visit: Callable[..., Any], site: str, graph: Graph) -> None:
    page = visit(f"{site}/g/made/neuron/n0")
    settled(page)
    page.get_by_label("Least weight").fill("2")
    page.get_by_label("Least weight").press("Enter")
    expect(page).to_have_url(f"{site}/g/made/neuron/n0?min_weight=2")
    page.get_by_label("By").first.select_option("cell_type")
    expect(page).to_have_url(f"{site}/g/made/neuron/n0?min_weight=2&by=cell_type")
    again = visit(page.url)
    outputs = again.locator("section", has=again.get_by_role("heading", name="Outputs"))
    wanted = graph.partners("n0", direction="out", by="cell_type", min_weight=2.0).to_arrow().to_pylist()
    expect(outputs.locator("tbody tr")).to_have_count(len(wanted))
    assert [row.split("\t")[0].strip() for row in outputs.locator("tbody tr").all_inner_texts()] == [
        row["cell_type"] or "–" for row in wanted
    ]
    assert [row.split("\t")[1].strip() for row in outputs.locator("tbody tr").all_inner_texts()] == [
        f"{row['weight']:g}" for row in wanted
    ]
    again.get_by_role("link", name="Network", exact=True).last.click()
    expect(again).to_have_url(f"{site}/g/made/network?min_weight=2&who={BASE}")
    expect(again.locator(".canvas[data-ready]")).to_be_visible()
    again.go_back()
    expect(again.locator("h1")).to_have_text("n0")


def test_instances_and_links(visit: Callable[..., Any], site: str, graph: Graph) -> None:
    page = visit(f"{site}/g/made/motifs/3")
    counts = graph.motifs.census(3, record=False).counts
    expect(page.locator(".classes li")).to_have_count(16)
    name = next(one for one in ("030T", "021D", "111U", "120U") if counts[one])
    card = page.locator(".classes a", has=page.get_by_text(name, exact=True))
    expect(card.locator("span")).to_have_text(str(counts[name]))
    card.click()
    found = graph.motifs.instances(name).num_rows
    expect(page.locator("section .where").first).to_contain_text(f"{found} row")
    page.get_by_role("button", name="All in one Neuroglancer view").click()
    link = page.get_by_role("link", name="open the view")
    assert link.get_attribute("href").startswith("https://neuroglancer-demo.appspot.com/#!")
    assert str(BASE) in link.get_attribute("href")
    page.locator("section a", has_text="◇").first.click()
    expect(page.locator(".canvas[data-ready]")).to_be_visible()
    assert page.url.count(str(BASE)[:12]) == 3


def test_hostile_names_are_text(visit: Callable[..., Any], site: str) -> None:
    page = visit(f"{site}/g/hostile/home")
    expect(page.locator("h1")).to_contain_text("<script>")
    page.locator(".tags a", has_text="<script>").first.click()
    expect(page.locator("h1")).to_contain_text("<img src=x")
    expect(page.locator("section", has_text="Neurons").last.locator("tbody tr")).to_have_count(2)
    page.goto(f"{site}/g/hostile/home")
    page.get_by_role("link", name="a/b").click()
    expect(page.locator("h1")).to_have_text("a/b")
    page.goto(f"{site}/g/hostile/network?who=1&partners=5")
    expect(page.locator(".canvas[data-ready]")).to_be_visible()
    page.goto(f"{site}/g/hostile/types")
    settled(page)
    assert page.locator("main img").count() == 0
    assert "graphlab" in page.title()


def test_errors_are_told_where_they_arise(visit: Callable[..., Any], site: str) -> None:
    page = visit(f"{site}/g/made/neuron/nobody", refused=True)
    expect(page.locator(".trouble")).to_contain_text("nobody")
    page.goto(f"{site}/g/nowhere/home")
    expect(page.locator(".trouble")).to_contain_text("made")
    page.goto(f"{site}/g/made/paths?from=n0&to=nobody")
    expect(page.locator(".trouble").first).to_contain_text("nobody")


def test_the_keyboard_reaches_everything(visit: Callable[..., Any], site: str) -> None:
    page = visit(f"{site}/g/made/home")
    settled(page)
    page.keyboard.press("/")
    page.keyboard.type("n1")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Neurons with “n1”")
    expect(page.locator("main")).to_be_focused()
    page.get_by_label("Colours").select_option("dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(18, 23, 29)"
    page.reload()
    settled(page)
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(18, 23, 29)"

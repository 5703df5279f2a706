from __future__ import annotations

import base64
import hashlib
import re
import time
from html import unescape
from html.parser import HTMLParser

from condbench.results import MetricRow, PluginState, Table
from condbench.store import Run
from condbench_reports.html import render
from tests.made_runs import (
    CONDITIONERS,
    HOSTILE,
    TROUBLE,
    Make,
    bits,
    checkpoint,
    choice,
    grid,
    guided,
    large_matrix,
    planned,
    result,
    rows,
    solved,
)

VOID = {"meta", "img", "wbr", "br", "link", "input", "hr"}


class Reader(HTMLParser):
    """All elements with their attributes and text, and whether each is closed where it must be."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str], list[str]]] = []
        self.open: list[tuple[str, dict[str, str], list[str]]] = []
        self.feed(page)
        self.close()
        assert not self.open, f"never closed: {[tag for tag, _, _ in self.open]}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element: tuple[str, dict[str, str], list[str]] = (tag, {key: value or "" for key, value in attrs}, [])
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1][0] == tag, f"</{tag}> closes {self.open[-1:]}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        for _, _, text in self.open:
            text.append(data)

    def all(self, tag: str, css: str = "") -> list[tuple[dict[str, str], str]]:
        return [
            (attributes, "".join(text))
            for name, attributes, text in self.elements
            if name == tag and (not css or css in attributes.get("class", "").split())
        ]


def heat_tiles(page: str) -> list[tuple[dict[str, str], str]]:
    maps = page[: page.index('-leaderboard">Leaderboard</h3>')]
    found = re.findall(r'<td class="(s\d|none)" title="([^"]*)">(.*?)</td>', maps, re.DOTALL)
    return [({"class": css, "title": unescape(title)}, re.sub("<[^>]*>", "", text)) for css, title, text in found]


def test_all_36_cells_are_in_each_map_in_the_leaderboard_and_in_the_gallery(full_run: Run) -> None:
    page = render(full_run)
    reader = Reader(page)
    assert len(heat_tiles(page)) == 3 * 36
    assert len([1 for attributes, _ in reader.all("tr") if attributes.get("id", "").startswith("s0-c")]) == 36
    assert len(reader.all("figure", "card")) == 36
    ((_, heading),) = reader.all("h1")
    assert heading == "quick: 6 backbones \N{MULTIPLICATION SIGN} 6 conditioners on mnist10k, same backbone"


def test_every_state_shows_with_its_reason_in_the_map_and_in_the_list(full_run: Run) -> None:
    page = render(full_run)
    tiles = [(a["title"], text.strip()) for a, text in heat_tiles(page)]
    listed = [text for attributes, text in Reader(page).all("td", "reason")]
    for state, reason in TROUBLE.values():
        assert tiles.count((reason, state)) == 3, state
        assert reason in listed
    assert tiles.count(("not run yet", "not run yet")) == 3
    assert tiles.count(("the features have a singular covariance", "no value")) == 1
    assert "the features have a singular covariance" in listed


def test_a_reason_that_many_cells_share_is_told_once(make_run: Make) -> None:
    lines = [planned(conditioner=name) for name in CONDITIONERS]
    lacking = MetricRow(name="bits_per_dimension", value=None, unit="bits", better="lower", reason="no likelihood")
    reader = Reader(render(make_run(lines, [result(line, [*rows(2.0, 0.8, 9.0), lacking]) for line in lines])))
    assert [text for _, text in reader.all("td", "reason")] == ["no likelihood"]
    ((_, details),) = reader.all("details")
    assert details == "6 cells" + "".join(line.name for line in lines)


def test_fid_stands_beside_its_floor_and_its_sample_count(full_run: Run) -> None:
    page = render(full_run)
    assert "in every tile: floor 0.142, n 1,996" in page
    numbers = [text for attributes, text in heat_tiles(page)[:36] if attributes["class"] != "none"]
    assert len(numbers) == 28
    assert all(re.fullmatch(r"[\d.]+?\d*\N{MULTIPLICATION SIGN} floor", text) for text in numbers)


def test_a_floor_that_is_not_the_same_everywhere_stands_in_each_tile(make_run: Make) -> None:
    lines = [planned(conditioner=name) for name in CONDITIONERS[:2]]
    other = [row.model_copy(update={"value": 0.2}) if row.name == "fid_floor" else row for row in rows(2.0, 0.8, 9.0)]
    page = render(make_run(lines, [result(lines[0], rows(2.84, 0.8, 100.0)), result(lines[1], other)]))
    fids = [text for _, text in heat_tiles(page)][:2]
    assert fids == ["2.8420\N{MULTIPLICATION SIGN} floor floor 0.142", "210\N{MULTIPLICATION SIGN} floor floor 0.200"]
    assert "in every tile: n 1,996" in page


def test_a_floor_at_another_count_is_no_measure(make_run: Make) -> None:
    fewer = [row.model_copy(update={"n": 500}) if row.name == "fid_floor" else row for row in rows(2.84, 0.8, 9.0)]
    (fid, *_) = heat_tiles(render(make_run([planned()], [result(planned(), fewer)])))
    assert fid[1] == "2.84floor 0.142 of n 500 n 1,996"


def test_the_page_loads_nothing(full_run: Run) -> None:
    page = render(full_run)
    reader = Reader(page)
    for tag, attributes, _ in reader.elements:
        for name in ("src", "href", "srcset", "data", "action", "poster"):
            if name in attributes:
                assert attributes[name].startswith(("data:image/png;base64,", "#")), (tag, name)
    assert "http://" not in page and "https://" not in page
    assert "@import" not in page and "url(" not in page
    (policy,) = [a["content"] for a, _ in reader.all("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    ((_, script),) = reader.all("script")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy


def test_every_link_within_the_page_has_its_target(full_run: Run) -> None:
    reader = Reader(render(full_run))
    ids = [attributes["id"] for _, attributes, _ in reader.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = {attributes["href"].removeprefix("#") for attributes, _ in reader.all("a")}
    labels = {attributes["aria-labelledby"] for _, attributes, _ in reader.elements if "aria-labelledby" in attributes}
    assert links | labels <= set(ids)


def test_strings_from_outside_are_text_and_never_markup(make_run: Make) -> None:
    backbone = choice(HOSTILE, width=HOSTILE)
    line = planned(backbone=backbone, conditioner=HOSTILE, dataset=HOSTILE).model_copy(update={"name": "cell"})
    broken = PluginState(distribution=HOSTILE, version=HOSTILE, entry_point=HOSTILE, state="broken", error=HOSTILE)
    run = make_run(
        [line],
        [result(line, state="failed", reason=HOSTILE)],
        suite=HOSTILE,
        description=HOSTILE,
        command=["condbench", HOSTILE],
        created=HOSTILE,
        plugins=[broken],
    )
    page = render(run)
    reader = Reader(page)
    assert len(reader.all("script")) == 1, "only the page's own"
    assert page.count("<script>") == 1
    assert HOSTILE in [text for _, text in reader.all("td", "reason")]
    assert any(HOSTILE in text for _, text in reader.all("p", "notice"))


def test_grids_are_embedded_and_what_is_no_picture_is_said(make_run: Make) -> None:
    lines = [planned(conditioner=name) for name in CONDITIONERS[:3]]
    run = make_run(lines, [result(line, rows(2.0, 0.8, 100.0)) for line in lines])
    (run.cell_path(lines[0].name) / "samples.png").write_bytes(grid())
    (run.cell_path(lines[1].name) / "samples.png").write_bytes(b"\x89PNG half")
    reader = Reader(render(run))
    ((attributes, _),) = reader.all("img")
    assert base64.b64decode(attributes["src"].partition(",")[2]) == grid()
    assert (attributes["width"], attributes["height"]) == ("280", "224")
    assert attributes["alt"] == "Samples of flow with none: a column per label"
    blanks = [text for _, text in reader.all("div", "blank")]
    assert ["samples.png is damaged" in blanks[0], "no samples" in blanks[1]] == [True, True]


def test_labels_stand_above_the_columns_that_a_grid_has(make_run: Make) -> None:
    line = planned()
    ended = result(line, rows(2.0, 0.8, 100.0)).model_copy(update={"labels": tuple(f"class {i}" for i in range(25))})
    run = make_run([line], [ended])
    (run.cell_path(line.name) / "samples.png").write_bytes(grid())
    ((_, text),) = Reader(render(run)).all("div", "labels")
    assert text == "".join(f"class {i}" for i in range(20))


def test_seeds_and_datasets_show(make_run: Make) -> None:
    lines = [planned(dataset=name, seed=seed) for name in ("mnist10k", "fashion-mnist") for seed in range(3)]
    results = [result(line, rows(2.0 + line.cell.seed, 0.8, 100.0)) for line in lines[:-1]]
    page = render(make_run(lines, results))
    reader = Reader(page)
    names = [text for _, text in reader.all("h2", "dataset-name")]
    assert names == ["mnist10k, same backbone", "fashion-mnist, same backbone"]
    assert "<b>2.88</b><small><span>3 seeds</span>" in page and "<span>1.21\N{EN DASH}6.85</span>" in page
    assert "<b>2.45</b><small><span>2 of 3 seeds</span>" in page
    assert len(reader.all("figure", "card")) == 6


def test_a_run_that_has_not_begun_has_a_page(make_run: Make) -> None:
    reader = Reader(render(make_run([planned()])))
    assert "No cell has been measured yet." in [text for _, text in reader.all("p", "quiet")]
    assert len(reader.all("figure", "card")) == 1


def test_132_cells_render_within_two_seconds_into_a_small_page(make_run: Make) -> None:
    plan, results = large_matrix()
    run = make_run(plan, results)
    start = time.process_time()
    page = render(run)
    assert time.process_time() - start < 2.0
    assert len(page) < 1_000_000, "without pictures"


def test_what_a_conditioner_adds_stands_in_the_leaderboard_and_in_the_map_of_sizes(make_run: Make) -> None:
    lines = [planned(conditioner=name) for name in CONDITIONERS[:3]]
    sizes = [(100_000.0, 4e6), (1_000_000.0, 4e6), (112_000.0, 4.02e6)]
    page = render(
        make_run(lines, [result(line, rows(2.0, 0.8, 9.0, *s)) for line, s in zip(lines, sizes, strict=True)])
    )
    tiles = re.findall(r'<td><span class="size".*?</td>', page)
    assert [re.sub("<[^>]*>", " ", tile).split() for tile in tiles] == [
        ["100,000", "4", "M"],
        ["\N{MULTIPLICATION SIGN}10", "+0", "%"],
        ["+12", "%", "+0.5", "%"],
    ]
    assert "label-sampling is 10 models, one per label, that share one budget" in page
    assert "112,000<small>+12 %</small>" in page and "4.02 M<small>+0.5 %</small>" in page


def test_what_was_solved_for_its_size_shows_in_the_details_of_the_cell(make_run: Make) -> None:
    lines = [planned(solved(width), name, track="same-size") for name, width in (("none", 50), ("film", 44))]
    reader = Reader(render(make_run(lines, [result(line, rows(2.0, 0.8, 9.0)) for line in lines])))
    assert [text for _, text in reader.all("h4")][-1] == "flow", "one backbone, whatever its widths"
    ((_, heading),) = reader.all("h1")
    assert heading == "quick: 1 backbone \N{MULTIPLICATION SIGN} 2 conditioners on mnist10k, same size"
    options = [text for _, text in reader.all("span", "options")]
    assert "flow: width=44 (solved for its size), depth=2" in options
    captions = [" ".join(text.split()) for _, text in reader.all("figcaption")]
    assert any(text.startswith("film width=44") for text in captions)


def test_guidance_stands_beside_the_unguided_value_and_is_drawn(make_run: Make) -> None:
    lines = [planned(conditioner=name) for name in ("none", "film", "adain")]
    sweep = [guided(2.0, 0.9, 0.97), guided(4.0, 3.0, 0.99)]
    results = [result(line, rows(2.0, 0.8, 9.0), sweep=sweep if line is not lines[0] else ()) for line in lines]
    reader = Reader(render(make_run(lines, results)))
    table = [text.split() for _, text in reader.all("tr") if text.startswith(("flowfilm\n", "flowadain\n"))]
    figures = ["2", "0.900", "3", "0.800", "0.970", "0.990"]
    assert table == [["flowfilm", *figures], ["flowadain", *figures]]
    drawings = [attributes["aria-label"] for attributes, _ in reader.all("svg")]
    words = "scale 1: fid 2, label_accuracy 0.800; scale 2: fid 0.900, label_accuracy 0.970"
    assert [
        text.startswith(f"flow with {name}. {words}") for text, name in zip(drawings, ("film", "adain"), strict=True)
    ]
    assert len(reader.all("circle", "hollow")) == 2, "where nothing is guided"
    assert len(reader.all("circle", "dot")) == 4


def test_checkpoints_are_drawn_and_the_parts_of_a_value_stand_beside_its_samples(make_run: Make) -> None:
    line = planned(shares=(0.1,))
    base = rows(2.0, 0.75, 9.0)
    confusion = Table(title="asked for and seen", rows=("3", "5"), columns=("3", "5"), values=((0.9, 0.1), (0.4, None)))
    accuracy = base[2].model_copy(update={"table": confusion})
    made = result(line, [*base[:2], accuracy, *base[3:]], checkpoints=[checkpoint(0.1, 16.0, 0.2)])
    reader = Reader(render(make_run([line], [made])))
    drawings = [attributes["aria-label"] for attributes, _ in reader.all("svg")]
    assert drawings[0] == "flow with film. 500 G: fid 16; 5 T: fid 2"
    assert len(drawings) == 2, "fid and label_accuracy"
    (summary,) = [text for _, text in reader.all("summary") if "asked" in text]
    assert summary == "label_accuracy: asked for and seen"
    (parts,) = [text.split() for _, text in reader.all("table", "parts")]
    assert parts == ["35", "30.9000.10050.400—"]


def test_a_bound_is_named_wherever_it_is_shown(make_run: Make) -> None:
    lines = [planned("ar"), planned("nf")]
    kinds = ("exact", "lower bound (ELBO)")
    results = [result(line, [bits(1.3, kind)]) for line, kind in zip(lines, kinds, strict=True)]
    page = render(make_run(lines, results))
    for kind in kinds:
        assert f"<span>{kind}</span>" in page, "the heat map, since the run measures nothing else"
        assert f'1.30<small class="note">{kind}</small>' in page
        assert f"<dd>1.30 {kind}</dd>" in page
    assert "values of different kinds of bound compare only as bounds" in page

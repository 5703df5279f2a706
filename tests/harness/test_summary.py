"""What `condbench run` prints at its end: lines in a pipe, matrices on a terminal that could not show as many lines."""

from __future__ import annotations

import io
import sys

import pytest
from rich.console import Console

from condbench.cli.matrices import _matrix, print_matrices
from condbench.cli.tables import print_summary, print_table
from condbench.results import CellResult
from tests.made_runs import ALL_BACKBONES, ALL_CONDITIONERS, choice, large_matrix, planned, result, rows


def drawn(results: list[CellResult], width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    print_matrices(results, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize("width", [60, 80, 100, 120])
def test_132_cells_fit_a_terminal_of_any_width_with_all_of_their_numbers(width: int) -> None:
    _, results = large_matrix()
    lines = drawn(results, width)
    assert max(map(len, lines)) <= width
    assert "…" not in "".join(lines)
    numbers = [word for line in lines for word in line.split() if word.replace(".", "").isdigit() and "." in word]
    assert len(numbers) == 1 + 2 * sum(result.state == "ok" for result in results), "the floor, and two of each"
    assert len([line for line in lines if line.startswith("mnist10k: ")]) == 2


def test_a_matrix_names_what_is_missing_and_averages_seeds() -> None:
    lines = [planned("flow", "film", seed=seed) for seed in range(3)] + [planned("gan", "film"), planned("gan", "none")]
    results = [
        result(lines[0], rows(1.0, 0.8, 9.0)),
        result(lines[1], rows(2.0, 0.9, 9.0)),
        result(lines[2], rows(90.0, 0.1, 9.0), state="timeout"),
        result(lines[3], state="lost"),
        result(lines[4], state="skipped"),
    ]
    table = [line.split() for line in drawn(results, 80)]
    assert table[0] == ["mnist10k:", "fid,", "lower", "is", "better,", "floor", "0.142"]
    assert table[1] == ["flow", "gan"]
    assert table[3:6] == [["film", "1.41"], ["0.0173-116", "!"], ["none", "-", "-"]]


def test_bold_is_what_may_be_the_best_and_with_one_seed_the_best_value() -> None:
    """Over seeds film and hyper are tied and none is worse for sure; one seed cannot tell ties."""
    fids = {"film": (1.0, 1.2, 1.1), "hyper": (1.05, 1.25, 1.1), "none": (9.0, 9.1, 9.3)}
    lines = [planned("flow", name, seed=seed) for name in fids for seed in range(3)]
    results = [result(line, rows(fids[line.cell.conditioner.name][line.cell.seed], 0.8, 9.0)) for line in lines]
    several = _matrix(results, "fid")
    assert several is not None and several.best == {("film", "flow"), ("hyper", "flow")}
    assert "Bold is what may be the best of its backbone" in "".join(drawn(results, 80))
    first = [one for one in results if one.provenance.cell.seed == 0]
    alone = _matrix(first, "fid")
    assert alone is not None and alone.best == {("film", "flow")}
    assert "which with one seed may be luck" in "".join(drawn(first, 100))


def test_a_floor_at_another_count_does_not_stand_beside() -> None:
    fewer = [row.model_copy(update={"n": 500}) if row.name == "fid_floor" else row for row in rows(1.0, 0.8, 9.0)]
    assert "floor" not in drawn([result(planned(), fewer)], 80)[0]


def test_two_plugins_of_one_name_have_columns_of_their_own() -> None:
    theirs = choice("flow").model_copy(update={"distribution": "acme"})
    results = [result(planned(one), rows(fid, 0.8, 9.0)) for one, fid in ((choice("flow"), 1.0), (theirs, 2.0))]
    table = [line.split() for line in drawn(results, 80)]
    assert table[1] == ["condbench:flow", "acme:flow"]
    assert table[3] == ["film", "1.00", "2.00"]


def test_a_pipe_gets_a_line_per_cell(capsys: pytest.CaptureFixture[str]) -> None:
    _, results = large_matrix()
    print_summary(results)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("dataset\tbackbone\tconditioner\t")
    assert len([line for line in lines if line.startswith("mnist10k\t")]) == len(ALL_BACKBONES) * len(ALL_CONDITIONERS)


def test_seeds_share_a_line_whose_figures_have_intervals(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [planned("flow", "film", seed=seed) for seed in range(4)] + [planned("gan", "film")]
    results = [result(line, rows(fid, 0.8, 9.0)) for line, fid in zip(lines, (2.0, 2.2, 2.4), strict=False)]
    results += [result(lines[3], state="lost", reason="killed"), result(lines[4], rows(3.0, 0.7, 9.0))]
    print_summary(results)
    header, flow, gan = (line.split("\t") for line in capsys.readouterr().out.splitlines())
    assert header[3:6] == ["seeds", "state", "fid"]
    assert flow[3:6] == ["4", "3 ok, 1 lost", "2.19 [1.75, 2.75]"] and flow[-1] == "killed"
    assert flow[7] == "0.8", "seeds that agree to the last digit do not tell how much seeds differ"
    assert gan[3:6] == ["1", "ok", "3"] and gan[7] == "0.7 [0.682, 0.717]"


def test_what_is_left_of_several_seeds_has_no_bracket(capsys: pytest.CaptureFixture[str]) -> None:
    """Its own would be over samples, among others that are over seeds."""
    lines = [planned(seed=seed) for seed in range(3)]
    lost = [result(line, state="lost", reason="killed") for line in lines[1:]]
    print_summary([result(lines[0], rows(2.0, 0.8, 9.0)), *lost])
    _, flow = (line.split("\t") for line in capsys.readouterr().out.splitlines())
    assert flow[7] == "0.8"


def test_seeds_of_two_processors_have_no_mean_speed(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [planned(seed=seed) for seed in range(2)]
    results = [result(line, rows(2.0 + line.cell.seed, 0.8, 9.0 + line.cell.seed)) for line in lines]
    other = results[1].provenance.model_copy(update={"processor": "new"})
    print_summary([results[0], results[1].model_copy(update={"provenance": other})])
    header, flow = (line.split("\t") for line in capsys.readouterr().out.splitlines())
    found = dict(zip(header, flow, strict=True))
    assert found["sampling_throughput"] == "-" and found["fid"].startswith("2.45 [")


def test_a_terminal_gets_matrices_of_many_cells_and_the_reasons(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, results = large_matrix()
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "100")
    print_summary(results)
    out = capsys.readouterr().out
    assert len(out.splitlines()) < 100
    assert "the loss was not finite after 812 of 4,100 steps" in out
    assert out.endswith("132 cells: 117 ok, 10 skipped, 1 diverged, 1 timeout, 1 failed, 1 out-of-memory, 1 lost\n")


def test_a_terminal_has_room_for_reasons_below_the_figures(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    reason = "adain needs positions, which ar's causal sites do not have"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "130")
    print_summary(
        [result(planned(), rows(2.0, 0.8, 9.0)), result(planned("ar", "adain"), state="skipped", reason=reason)]
    )
    figures, below = capsys.readouterr().out.split("\n\n")
    assert "accuracy" in figures and "…" not in figures and "reason" not in figures and "skipped" in figures
    assert reason in below and "ar" in below


def test_names_that_are_the_datas_own_stay_as_they_are_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    print_table(("", "t_shirt"), [("t_shirt", "0.9")])
    assert capsys.readouterr().out.count("t_shirt") == 2

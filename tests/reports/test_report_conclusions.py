"""What a report concludes: ranks where there are seeds, what differences are due to, and fronts."""

from __future__ import annotations

import re
from html import unescape

from condbench_reports import markdown
from condbench_reports.conclusions import conclusions
from condbench_reports.html import render
from tests.made_runs import Make, planned, result, rows

FIDS = {("flow", "film"): 1.0, ("flow", "none"): 8.0, ("gan", "film"): 2.0, ("gan", "none"): 16.0}
SPEEDS = {"flow": 100.0, "gan": 900.0}


def test_a_run_with_seeds_is_ranked_and_its_differences_divided_up(make_run: Make) -> None:
    plan, results = [], []
    for (backbone, conditioner), fid in FIDS.items():
        for seed, factor in enumerate((0.97, 1.0, 1.04)):
            line = planned(backbone, conditioner, seed=seed)
            plan.append(line)
            results.append(result(line, rows(fid * factor, 0.9, SPEEDS[backbone])))
    run = make_run(plan, results)
    found = conclusions(run)
    assert found is not None
    fid = next(c for c in found.ranked if c.metric.name == "fid")
    assert all(pair.winner for pair in fid.pairs), "factors of two and eight between seeds that differ by 4 %"
    assert {rank.name: rank.first for rank in fid.rankings[0].ranks} == {"film": 1, "none": 2}
    analysis = next(a for c, a in found.analysed if c.metric.name == "fid")
    shares = {share.source: share.value for share in analysis.result.shares}
    assert shares["conditioner"] > 0.85 > shares["backbone"] > 0.05 > shares["interaction"]

    (front,) = [f for f in found.fronts if f.metrics == ("fid", "sampling_throughput")]
    assert [s.name.split()[0] for s in front.best] == ["flow", "gan"], "gan is worse and faster, both without none"
    assert not [f for f in found.fronts if f.metrics[1] == "training_flops"], "all cost the same"
    for text in (render(run), markdown.render(run)):
        assert "What may be concluded" in text and "4 of 4 differences hold" in text
        assert "against its backbones" in text and "Front: fid against sampling" in text
        assert "read the ranks before calling one better" in text
    page = markdown.render(run)
    assert "| ranks | conditioners on flow | fid | seeds | better for sure than |" in page
    assert "| source | share of variance | p |" in page
    assert "| combination | fid | sampling_throughput | dominated by |" in page
    assert re.search(r"\| flow \S none \| 8\.0\d \| 100 \| flow \S film and 1 more \|", page)


def test_one_seed_ranks_nothing_and_says_what_would(make_run: Make) -> None:
    lines = [planned(*pair) for pair in FIDS]
    fids = (1.0, 8.0, 2.0, 13.0)
    run = make_run(lines, [result(line, rows(fid, 0.9, 9.0)) for line, fid in zip(lines, fids, strict=True)])
    found = conclusions(run)
    assert found is not None and not found.ranked
    for text in (render(run), markdown.render(run)):
        assert "--seeds 5" in text


def test_what_cannot_be_said_is_said_why(make_run: Make) -> None:
    """gan was trained elsewhere, and one of its cells lost all seeds but one."""
    plan, results = [], []
    for (backbone, conditioner), fid in FIDS.items():
        for seed, factor in enumerate((0.97, 1.0, 1.04)):
            line = planned(backbone, conditioner, seed=seed)
            plan.append(line)
            if (backbone, conditioner) == ("gan", "none") and seed:
                results.append(result(line, state="diverged", reason="no"))
                continue
            made = result(line, rows(fid * factor, 0.9, SPEEDS[backbone] * factor))
            where = made.provenance.model_copy(update={"processor": "new" if backbone == "gan" else "old"})
            results.append(made.model_copy(update={"provenance": where}))
    run = make_run(plan, results)
    for text in (unescape(render(run)), markdown.render(run).replace("\\", "")):
        assert "one seed does not tell how much seeds differ, run e.g. `--seeds 5`." in text
        assert re.search(r"Not compared: flow \S film against gan \S film: the processors differ", text)
        assert (
            "What sampling_throughput is due to on mnist10k cannot be said: the processors differ: old and new." in text
        )
        assert "There is no front of fid against sampling_throughput on mnist10k: the processors differ" in text
        assert "Front: fid against sampling" not in text and "No combination has more than one seed" not in text


def test_a_metric_in_which_no_pair_compares_is_said_too(make_run: Make) -> None:
    """Two conditioners, each on a processor of its own: their FIDs are ranked, their speeds cannot be."""
    plan = [planned(conditioner=name, seed=seed) for name in ("film", "none") for seed in range(2)]
    results = []
    for index, line in enumerate(plan):
        made = result(line, rows(1.0 + index, 0.9, 100.0 + index))
        where = made.provenance.model_copy(update={"processor": line.cell.conditioner.name})
        results.append(made.model_copy(update={"provenance": where}))
    run = make_run(plan, results)
    for text in (unescape(render(run)), markdown.render(run)):
        _, found, said = text.partition("Ranks by sampling")
        assert found and re.search(r"Not compared: flow \S film against flow \S none: the processors differ", said)
        assert "0 of 0" not in said


def test_a_run_of_one_combination_concludes_nothing(make_run: Make) -> None:
    line = planned()
    run = make_run([line], [result(line, rows(1.0, 0.9, 9.0))])
    assert conclusions(run) is None
    assert "What may be concluded" not in render(run)

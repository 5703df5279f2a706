import re
from pathlib import Path

import pytest

from condbench.budget import Budget
from condbench.errors import UserError
from condbench.suite import Checkpoints, GuidanceSweep, Suite, load_suite, shipped


def test_quick_and_smoke_ship_and_load() -> None:
    assert {"quick", "smoke", "standard"} <= shipped().keys()
    for name in shipped():
        assert load_suite(name).name == name


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('name = "x"\nbudget = "flops=1e9"\nbackbone = ["flow"]', "did you mean 'backbones'"),
        ('name = "x"', "lacks the key 'budget'"),
        ('name = "x"\nbudget = "flops=1e9"\nseeds = 0', "seeds = 0 is not valid"),
        ('name = "x"\nbudget = "flops=x"', "no number"),
        ('name = "x"\nbudget = "flops=1e9"\ntimeout_seconds = inf', "timeout_seconds = inf is not valid"),
        ('name = "x"\nbudget = "flops=1e9"\nmemory_gib = inf', "memory_gib = inf is not valid"),
        ("name = x", "not valid TOML"),
    ],
)
def test_a_wrong_suite_is_explained(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(UserError, match=says):
        load_suite(str(path))


def test_unknown_suites_are_explained() -> None:
    with pytest.raises(UserError, match="did you mean 'smoke'"):
        load_suite("smok")
    with pytest.raises(UserError, match="no suite file"):
        load_suite("nowhere.toml")


def test_a_budget_may_be_a_table(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('name = "x"\nbudget = { flops = 1e9, seconds = 3 }')
    assert load_suite(str(path)).budget == Budget(flops=1e9, seconds=3)


def test_every_key_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "suites.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `(\w+)`", page, flags=re.MULTILINE)) | {"guidance", "checkpoints", "redraws"}
    assert documented == set(Suite.model_fields)
    assert all(f"{key} = " in page for key in (*GuidanceSweep.model_fields, *Checkpoints.model_fields))

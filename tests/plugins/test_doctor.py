"""`condbench doctor`: what is right it shows, what is wrong it explains, and it changes nothing."""

from __future__ import annotations

import importlib
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from condbench import machine
from condbench.doctor import computer, folders
from condbench.doctor.data import examine_data
from condbench.doctor.finding import Finding
from condbench.doctor.plugins import examine_plugins
from condbench.doctor.torch_facts import Gpu, TorchFacts
from condbench.doctor.versions import examine_versions
from condbench.registry import installed
from tests.conftest import Condbench
from tests.plugins.conftest import BACKBONE, Site


def by_subject(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.subject: finding for finding in findings}


def test_a_sound_environment(condbench: Condbench) -> None:
    out = condbench("doctor")
    assert "problem" not in out and condbench.err.startswith("0 problems, ")
    sections = [line for line in out.splitlines() if not line.startswith(" ")]
    assert sections == ["plugins", "versions", "machine", "data", "weights", "folders"]
    assert "ok       condbench 0.1.0 (builtin): 10 backbones, 12 conditioners" in out
    assert f"torch {version('torch')} with torchvision {version('torchvision')}" in out
    assert list(condbench.cwd.iterdir()) == [], "nothing was made"


def test_the_driver_imports_no_torch() -> None:
    code = (
        "import sys\n"
        "from condbench.doctor import examination\n"
        "from condbench.doctor.torch_facts import TorchFacts\n"
        "from condbench.registry import loaded\n"
        "examination.ask_torch = TorchFacts\n"
        "print(len(list(examination.examine(loaded(), None))) > 15, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]


def test_a_plugin_that_brings_torch_in_is_named(condbench: Condbench) -> None:
    (condbench.cwd / "fake").mkdir()
    (condbench.cwd / "fake" / "torch.py").write_text("import time\ntime.sleep(0.1)\n")
    code = f"import sys\nsys.path.insert(0, {str(condbench.cwd / 'fake')!r})\nimport torch\nsys.path.pop(0)\n"
    condbench.plant("a-quick", BACKBONE.replace("planted", "quick"))
    condbench.plant("b-heavy", code + BACKBONE)
    condbench.plant("c-late", code + BACKBONE.replace("planted", "late"))
    program = (
        "from condbench.doctor.plugins import examine_plugins\n"
        "from condbench.registry import loaded\n"
        "for one in examine_plugins(loaded()):\n"
        "    print(one.subject, one.state, one.says, one.fix, sep='|')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=condbench.environment, capture_output=True, text=True, check=True
    )
    warnings = [line.split("|") for line in done.stdout.splitlines() if "|warning|" in line]
    assert [(subject, says) for subject, _, says, _ in warnings] == [
        ("b-heavy 1.0 (plugin)", "1 backbone; it imports torch when it is registered, 0.1 s of every command's start")
    ]
    assert "package.module:attribute" in warnings[0][3]


def test_names_and_states(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.plant("one", BACKBONE)
    site.plant("two", BACKBONE)
    site.plant("off", "raise AssertionError")
    site.plant("future", "", entry_points="[condbench.v2]\nplugin = future\n")
    monkeypatch.setenv("CONDBENCH_WITHOUT_PLUGINS", "off")
    found = by_subject(list(examine_plugins(site.registry())))
    assert found["planted"].state == "warning" and "one:planted or two:planted" in found["planted"].fix
    assert found["off 1.0 (plugin)"].state == "ok" and "off: " in found["off 1.0 (plugin)"].says
    assert found["future 1.0 (plugin)"].state == "warning"
    assert "install a condbench that speaks condbench.v2" in found["future 1.0 (plugin)"].fix


@pytest.mark.parametrize(
    ("metadata", "state", "says", "fix"),
    [
        ("Requires-Dist: numpy>=1\n", "ok", "numpy ", ""),
        ("Requires-Dist: numpy>=999\n", "problem", "it needs numpy>=999, and ", "pip install 'numpy>=999'"),
        ("Requires-Dist: no-such-thing\n", "problem", "and none is installed", "pip install 'no-such-thing'"),
        ("Requires-Dist: no-such-thing; extra == 'all'\n", "ok", "Python 3", ""),
        ("Requires-Dist: no-such-thing; python_version < '3'\n", "ok", "Python 3", ""),
        ("Requires-Python: >=4\n", "problem", "it needs Python >=4, and this is 3", "for a Python >=4"),
        ("Requires-Dist: ???\n", "warning", "cannot be read", "upgrade mine"),
    ],
)
def test_versions(site: Site, metadata: str, state: str, says: str, fix: str) -> None:
    site.plant("mine", "", metadata=metadata)
    found = by_subject(list(examine_versions(["mine"])))["mine 1.0"]
    assert found.state == state and says in found.says and fix in found.fix


def test_torchvision_names_the_torch_that_it_is_made_for(site: Site) -> None:
    site.plant("torchvision-fake", "")
    info = site.folder / "torchvision-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: torchvision\nVersion: 0.1\nRequires-Dist: torch==1.2\n"
    )
    importlib.invalidate_caches()
    (found,) = [one for one in examine_versions([]) if one.subject == "torchvision"]
    assert found.state == "problem" and "is made for torch==1.2" in found.says


def test_torch_facts_are_real() -> None:
    import torch

    from condbench.doctor.torch_probe import look

    facts = look()
    assert (facts.error, facts.torchvision_error, len(facts.gpus)) == ("", "", torch.cuda.device_count())
    assert facts.threads == torch.get_num_threads()


SEEN = machine.Gpu("Example GPU", 8.0)
USED = Gpu(name="Example GPU", memory=80 * 2**30)


@pytest.mark.parametrize(
    ("facts", "seen", "subject", "state", "says"),
    [
        (TorchFacts(), [], "cuda", "absent", "no NVIDIA GPU"),
        (TorchFacts(gpus=(USED,)), [SEEN], "cuda:0", "ok", "Example GPU, 80 GiB, trains in bf16"),
        (TorchFacts(), [SEEN], "cuda", "problem", "torch, which is built for processors, cannot use it"),
        (TorchFacts(cuda="99.0"), [SEEN], "cuda", "problem", "is built for CUDA 99.0, cannot use it"),
        (TorchFacts(gpus=(USED,)), [], "cuda", "warning", "there is no nvidia-smi"),
        (TorchFacts(gpus=(USED,)), [SEEN, SEEN], "cuda", "warning", "shows 2 GPUs and torch can use 1"),
        (TorchFacts(error="ImportError: x"), [], "torch", "problem", "cannot be imported: ImportError: x"),
        (TorchFacts(torchvision_error="no nms"), [], "torchvision", "problem", "does not work with this torch: no nms"),
        (TorchFacts(mps=True), [], "mps", "ok", "but condbench trains on a processor or with CUDA"),
    ],
)
def test_devices(
    monkeypatch: pytest.MonkeyPatch, facts: TorchFacts, seen: list[machine.Gpu], subject: str, state: str, says: str
) -> None:
    monkeypatch.setattr(machine, "gpus", lambda: seen)
    found = by_subject(list(computer.examine_computer(facts)))[subject]
    assert found.state == state and says in found.says
    assert bool(found.fix) == (state in ("warning", "problem"))


@pytest.mark.parametrize(
    ("value", "state"), [("1", "ok"), ("0", "warning"), ("many", "warning"), ("100000", "warning")]
)
def test_thread_variables(monkeypatch: pytest.MonkeyPatch, value: str, state: str) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert by_subject(list(computer.examine_computer(TorchFacts())))["OMP_NUM_THREADS"].state == state


def test_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    real = computer.psutil.virtual_memory()
    monkeypatch.setattr(computer.psutil, "virtual_memory", lambda: real._replace(available=2**30))
    found = by_subject(list(computer.examine_computer(TorchFacts())))["memory"]
    assert found.state == "warning" and "a cell may take 4 GiB" in found.says


def test_data_and_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONDBENCH_CACHE", str(tmp_path / "cache"))
    found = list(examine_data(installed(), None))
    data = by_subject([one for one in found if one.section == "data"])
    assert data["mnist10k"].state == "ok"
    assert data["kmnist"].state == data["cifar10"].state == "absent"
    assert f"'{tmp_path / 'cache' / 'data'}'" in data["kmnist"].says, "where they would be looked for"
    assert "nothing is downloaded" in data["kmnist"].says
    weights = [one for one in found if one.section == "weights"]
    (judge,) = [one for one in weights if "mnist10k" in one.subject and "label_accuracy" in one.says]
    assert judge.state == "ok" and judge.subject == "mnist10k, mnist", "they are of one family"
    (none,) = [one for one in weights if one.state == "absent"]
    assert none.subject == "kmnist, cifar10, image-folder" and "fid, " in none.says
    assert "once the data are there, condbench judge train kmnist; " in none.fix
    assert not (tmp_path / "cache").exists(), "nothing was made"


def test_a_dataset_that_raises(site: Site) -> None:
    site.plant(
        "data",
        "from condbench import hookimpl\nfrom condbench.specs import DatasetSpec\n"
        "def digest(root):\n    return 1 / 0\n@hookimpl\ndef condbench_register_datasets():\n"
        "    yield DatasetSpec('mine', 'data:load', 'data:digest', '')\n",
    )
    (found,) = examine_data(site.registry(), None)
    assert found.state == "problem"
    assert "'mine' of data 1.0 failed in data:digest: ZeroDivisionError: division by zero (data.py:4)" in found.says


def test_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONDBENCH_CACHE", str(tmp_path / "file" / "cache"))
    assert [one.state for one in folders.examine_folders()] == ["ok", "ok"]
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    runs, cache = folders.examine_folders()
    assert (runs.state, cache.state) == ("ok", "problem")
    assert f"'{tmp_path / 'file'}' cannot be written to" in cache.says and "CONDBENCH_CACHE" in cache.fix
    monkeypatch.setattr(folders, "_ROOM", 2**80)
    assert next(folders.examine_folders()).state == "warning"

"""Whatever is wrong with a plugin: it is quarantined whole and named, and everything else works."""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from condbench import registry as registry_module
from condbench.errors import Interrupted, UserError
from condbench.registry import Registry, missing
from tests.conftest import Condbench
from tests.planting import plant
from tests.plugins.conftest import BACKBONE, Site

HEAD = (
    BACKBONE
    + """
@hookimpl
def condbench_run_finished(event):
    raise RuntimeError("an observer of it is still registered")
"""
)
"""A sound beginning: a backbone, and an observer that tells if it is called."""

METRIC = """
from condbench.specs import MetricSpec

@hookimpl
def condbench_register_metrics():
    {}
"""


def metric(body: str) -> str:
    return HEAD + METRIC.format(body)


def spec(changes: str) -> str:
    """A metric with one field that is wrong; it is a list, so that its place is that of the hook."""
    return metric(
        f"yield MetricSpec(**dict(name='mine', target='a:b', summary='', unit='', better='lower') | {changes})"
    )


class Fault(NamedTuple):
    """A plugin's source, what its error says, and, if it marks its line by ``# here``, where."""

    source: str
    says: str


FAULTS = {
    "a module that is missing": Fault(HEAD + "import no_such_module  # here", "No module named 'no_such_module'"),
    "a name that is missing": Fault(
        HEAD + "from condbench.specs import NoSuchSpec  # here", "cannot import name 'NoSuchSpec'"
    ),
    "syntax": Fault(HEAD + "def broken(:  # here", "SyntaxError"),
    "an exception at import": Fault(HEAD + "1 / 0  # here", "ZeroDivisionError"),
    "exit at import": Fault(HEAD + "raise SystemExit(3)  # here", "SystemExit: 3"),
    "an exception of no kind": Fault(HEAD + "class Odd(BaseException): pass\nraise Odd('out')  # here", "Odd: out"),
    "no hook": Fault("value = 1", "it has no hook"),
    "a misspelt hook": Fault(
        HEAD + "@hookimpl  # here\ndef condbench_register_backbone():\n    return []",
        "unknown hook 'condbench_register_backbone': did you mean 'condbench_register_backbones'",
    ),
    "a misspelt observer": Fault(
        HEAD + "@hookimpl\ndef condbench_cell_finshed(event):\n    pass", "did you mean 'condbench_cell_finished'"
    ),
    "a hook that is not decorated": Fault(
        HEAD + "def condbench_register_metrics():  # here\n    return []", "put @condbench.hookimpl before it"
    ),
    "a misspelt hook that is not decorated": Fault(
        HEAD + "def condbench_register_metric():  # here\n    return []", "did you mean 'condbench_register_metrics'"
    ),
    "one hook twice": Fault(
        HEAD
        + "@hookimpl(specname='condbench_register_backbones')  # here\ndef more():\n"
        + "    yield BackboneSpec('planted', 'a:b', '')",
        "more implements condbench_register_backbones, as condbench_register_backbones does: keep one",
    ),
    "a signature": Fault(
        HEAD + "@hookimpl  # here\ndef condbench_register_metrics(everything):\n    return []",
        "condbench_register_metrics asks for everything, but it gets no argument",
    ),
    "an observer's signature": Fault(
        HEAD + "@hookimpl  # here\ndef condbench_cell_started(event, run):\n    pass",
        "condbench_cell_started asks for run, but it gets event",
    ),
    "raises at once": Fault(metric("raise ValueError('oh no')  # here"), "ValueError: oh no"),
    "raises on its way": Fault(
        metric("yield from (MetricSpec(**fields) for fields in [{'nome': 'mine'}])  # here"), "TypeError"
    ),
    "exits": Fault(metric("raise SystemExit('enough')  # here"), "SystemExit: enough"),
    "returns None": Fault(metric("pass"), "condbench_register_metrics returns None"),
    "returns one": Fault(
        metric("return MetricSpec('mine', 'a:b', '', '', 'lower')"), "it must yield each MetricSpec, or return a list"
    ),
    "is async": Fault(
        metric("yield MetricSpec('mine', 'a:b', '', '', 'lower')").replace(
            "def condbench_register_m", "async def condbench_register_m"
        ),
        "condbench_register_metrics is async",
    ),
    "yields one thing forever": Fault(
        metric("while True:\n        yield MetricSpec('mine', 'a:b', '', '', 'lower')  # here"), "metric 'mine' twice"
    ),
    "yields forever": Fault(
        metric(
            "import itertools\n    for number in itertools.count():\n"
            "        yield MetricSpec(f'mine{number}', 'a:b', '', '', 'lower')  # here"
        ),
        "more than 1,000 specs",
    ),
    "no spec": Fault(metric("return ['fid']"), "'fid', which is not a MetricSpec"),
    "a spec of another kind": Fault(
        metric("yield BackboneSpec('other', 'a:b', '')  # here"), "which is not a MetricSpec"
    ),
    "a subclass": Fault(
        metric("yield Mine('mine', 'a:b', '', '', 'lower')").replace(
            "@hookimpl\ndef condbench_register_metrics",
            "class Mine(MetricSpec):\n    pass\n\n@hookimpl\ndef condbench_register_metrics",
        ),
        "which is not a MetricSpec",
    ),
    "a name with a space": Fault(spec("{'name': 'My Metric'}"), "'My Metric' must be lower-case"),
    "a name that is no text": Fault(spec("{'name': 3}"), "name of the metric '3' is 3: it must be text"),
    "no name": Fault(spec("{'name': ''}"), "must be lower-case"),
    "a target without an attribute": Fault(spec("{'target': 'a.b'}"), "'a.b': it must be 'package.module:attribute'"),
    "a target that is code": Fault(spec("{'target': dict}"), "target of the metric 'mine' is <class 'dict'>"),
    "a target that is no path": Fault(spec("{'target': '..a:b'}"), "package.module:attribute"),
    "a trainer that is no path": Fault(spec("{'trainer': 'a/b.py:c'}"), "trainer of the metric 'mine'"),
    "an unknown direction": Fault(
        spec("{'better': 'hihger'}"), "unknown value of better 'hihger': did you mean 'higher'"
    ),
    "a flag that is none": Fault(spec("{'by_default': 'yes'}"), "it must be True or False"),
    "no summary": Fault(spec("{'summary': None}"), "summary of the metric 'mine' is None: it must be text"),
    "options that are a class": Fault(
        HEAD.replace('summary="', 'options=dict, summary="'), "options of the backbone 'planted' is <class 'dict'>"
    ),
    "a set that is not frozen": Fault(
        HEAD.replace('summary="', 'offers={"score"}, summary="'), "it must be a frozenset"
    ),
    "a set that is text": Fault(HEAD.replace('summary="', 'offers="score", summary="'), "it must be a frozenset"),
    "an unknown kind": Fault(
        HEAD.replace('summary="', 'models=frozenset({"imgae"}), summary="'), "'imgae': did you mean 'image'"
    ),
    "sizes that are a list": Fault(HEAD.replace('summary="', 'sizes=["width"], summary="'), "it must be a tuple"),
    "an encoder of an unknown kind": Fault(
        HEAD
        + "from condbench.specs import EncoderSpec\n@hookimpl\ndef condbench_register_encoders():\n"
        + "    yield EncoderSpec('mine', 'a:b', '', encodes='text')  # here",
        "unknown value of encodes 'text'",
    ),
    "a dataset's kinds": Fault(
        HEAD
        + "from condbench.specs import DatasetSpec\n@hookimpl\ndef condbench_register_datasets():\n"
        + "    yield DatasetSpec('mine', 'a:b', 'a:c', '', condition_kinds=('class', 'labels'))  # here",
        "unknown value of condition_kinds 'labels'",
    ),
    "two of one name": Fault(
        HEAD.replace("    yield", "    yield BackboneSpec('planted', 'a:b', '')\n    yield"), "backbone 'planted' twice"
    ),
}


def distribution(fault: str) -> str:
    return f"broken-{list(FAULTS).index(fault)}"


def sound(registry: Registry) -> None:
    """What is not broken is there."""
    assert registry.backbones.names() == ["sound"]
    assert registry.metrics.names() == []


@pytest.mark.parametrize("fault", FAULTS)
def test_it_is_quarantined_whole_and_named(site: Site, fault: str) -> None:
    source, says = FAULTS[fault]
    name = distribution(fault)
    site.plant(name, source)
    site.plant("sound", BACKBONE.replace("planted", "sound"))
    registry = site.registry()
    broken, healthy = registry.plugins
    assert (broken.distribution, broken.version, broken.state, healthy.state) == (name, "1.0", "broken", "ok")
    assert says in broken.error and "\n" not in broken.error
    here = [number for number, line in enumerate(source.splitlines(), 1) if "# here" in line]
    if here:
        assert broken.error.endswith(f"({name.replace('-', '_')}.py:{here[0]})")
    assert broken.reason is not None and broken.reason.mend
    sound(registry)
    assert [registry._manager.get_name(one) for one in registry._manager.get_plugins()] == ["sound:plugin"]
    assert registry.notify("condbench_run_finished", None) == [], "an observer of it is called"
    with pytest.raises(UserError, match=r"broken-.* 1\.0, which is broken: ") as told:
        registry.backbones.get("planted")
    assert says in str(told.value)


@pytest.mark.parametrize(
    ("entry_points", "says"),
    [
        ("[condbench.v1]\nplugin = broken:nothing\n", "has no attribute 'nothing'"),
        ("[condbench.v1]\nplugin = broken:empty\n", "it has no hook"),
        ("[condbench.v1]\nplugin = not a module\n", "its entry point is 'not a module'"),
        ("[condbench.v1]\nplugin\n", "entry_points.txt in "),
    ],
)
def test_an_entry_point_that_names_nothing(site: Site, entry_points: str, says: str) -> None:
    site.plant("broken", HEAD + "empty = None", entry_points=entry_points)
    site.plant("sound", BACKBONE.replace("planted", "sound"))
    registry = site.registry()
    assert registry.plugins[0].state == "broken" and says in registry.plugins[0].error
    sound(registry)


def test_metadata_that_lack_the_name(site: Site) -> None:
    site.plant("broken", HEAD)
    (site.folder / "broken-1.0.dist-info" / "METADATA").unlink()
    site.plant("sound", BACKBONE.replace("planted", "sound"))
    registry = site.registry()
    assert {plugin.distribution: plugin.state for plugin in registry.plugins} == {"unknown": "broken", "sound": "ok"}
    sound(registry)


def test_entry_points_of_others_are_not_read(site: Site) -> None:
    site.plant("stranger", "", entry_points="[console_scripts]\nno equals sign\n")
    (site.folder / "stranger-1.0.dist-info" / "entry_points.txt").write_bytes(b"\xff\xfe")
    assert site.registry().plugins == []


def test_another_contract_is_refused_unread(site: Site) -> None:
    site.plant("future", "raise AssertionError('imported')", entry_points="[condbench.v2]\nplugin = future\n")
    (plugin,) = site.registry().plugins
    assert plugin.state == "refused"
    assert "written for the contract condbench.v2, and this condbench speaks condbench.v1" in plugin.error
    with pytest.raises(UserError, match=r"'x' belongs to future 1.0, which is refused: it is written for"):
        site.registry().metrics.get("future:x")


def test_a_plugin_may_speak_two_contracts(site: Site) -> None:
    entry_points = "[condbench.v1]\nplugin = both\n[condbench.v2]\nplugin = both\n"
    site.plant("both", BACKBONE, entry_points=entry_points)
    registry = site.registry()
    assert [plugin.state for plugin in registry.plugins] == ["ok", "refused"]
    assert registry.backbones.names() == ["planted"]


def test_a_name_that_came_before_the_fault_is_known_to_be_its(site: Site) -> None:
    site.plant("late", metric("raise ValueError('oh no')"))
    registry = site.registry()
    said = r"the (backbone|name) 'planted' belongs to late 1\.0, which is broken: ValueError: oh no"
    with pytest.raises(UserError, match=said):
        registry.backbones.get("planted")
    assert re.match(said, str(missing("name", "planted", [], registry.plugins))), "as `condbench list planted` says"
    assert "belongs" not in str(missing("metric", "planted", [], registry.plugins))


def test_two_entry_points_of_one_distribution_cannot_share_a_name_or_a_module(site: Site) -> None:
    entry_points = "[condbench.v1]\na = twice\nb = twice:plugin\nc = twice\n"
    site.plant(
        "twice",
        BACKBONE + "class Plugin:\n"
        "    condbench_register_backbones = staticmethod(condbench_register_backbones)\nplugin = Plugin()\n",
        entry_points=entry_points,
    )
    registry = site.registry()
    assert [plugin.state for plugin in registry.plugins] == ["ok", "broken", "broken"]
    assert "as the entry point 'a' of the same distribution does" in registry.plugins[1].error
    assert "names what 'twice:a' names" in registry.plugins[2].error
    assert registry.backbones.get("twice:planted").plugin.entry_point == "a"


def test_ctrl_c_is_the_users_and_names_what_was_being_loaded(site: Site) -> None:
    """It is never a reason to go on without a plugin that may be sound."""
    site.plant("slow", "raise KeyboardInterrupt")
    with pytest.raises(Interrupted, match=r"while the plugin slow 1\.0 was loaded: .* --without-plugin slow:plugin"):
        site.registry()


def test_a_plugin_that_hangs_can_be_left(condbench: Condbench) -> None:
    ready = condbench.cwd / "ready"
    condbench.plant("slow", f"import pathlib, time\npathlib.Path({str(ready)!r}).touch()\ntime.sleep(60)")
    process = condbench.popen("list")
    while not ready.exists() and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err.count("\n")) == (130, "", 1)
    condbench("--without-plugin", "slow", "list")


def test_a_plugin_that_keeps_everybody_waiting_is_named(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A job of CI has nobody to press Ctrl-C; its log says at least whom it was waiting for."""
    monkeypatch.setattr(registry_module, "_PATIENCE", 0.05)
    site.plant("quick", BACKBONE.replace("planted", "quick"))
    site.plant("slow", "import time\nuntil = time.monotonic() + 0.5\nwhile time.monotonic() < until: pass\n" + BACKBONE)
    assert [plugin.state for plugin in site.registry().plugins] == ["ok", "ok"]
    (told,) = capsys.readouterr().err.splitlines()
    assert "the plugin slow 1.0 has not been loaded after 0 s" in told and "--without-plugin slow:plugin" in told


def test_a_crash_at_import_shows_where_it_was(condbench: Condbench) -> None:
    """Nobody can go on after it, but whose code it was is said."""
    condbench.plant("crash", "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)")
    condbench("list", code=-signal.SIGSEGV)
    assert f'File "{condbench.planted[0] / "crash.py"}", line 2' in condbench.err
    condbench("--without-plugin", "crash", "list")


def test_an_executor_that_raises_is_its_plugins(condbench: Condbench) -> None:
    condbench.plant(
        "elsewhere",
        "from condbench import hookimpl\nfrom condbench.specs import ExecutorSpec\nclass Elsewhere:\n"
        "    def execute(self, run, cells, jobs, observer):\n        raise OSError('no cluster')\n@hookimpl\n"
        "def condbench_register_executors():\n    yield ExecutorSpec('elsewhere', 'elsewhere:Elsewhere', 'far away')\n",
    )
    condbench("run", "--suite", "smoke", "-b", "vae", "-c", "none", "--executor", "elsewhere", code=2)
    said = (
        "the executor 'elsewhere' of elsewhere 1.0 failed in elsewhere:Elsewhere: OSError: no cluster (elsewhere.py:5)"
    )
    assert said in condbench.err


def test_an_observer_that_raises_or_exits_costs_a_warning(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    hook = "from condbench import hookimpl\n@hookimpl\ndef condbench_run_finished(event):\n    print('seen')\n    {}\n"
    site.plant("exits", hook.format("raise SystemExit('enough')"))
    site.plant("raises", hook.format("1 / 0"))
    site.plant("sound", hook.format("return 1"))
    warnings = site.registry().notify("condbench_run_finished", None)
    assert [warning.partition(":")[0] for warning in warnings] == [
        "exits raised in condbench_run_finished",
        "raises raised in condbench_run_finished",
    ]
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "seen\n" * 3), "standard output is for data"


@pytest.fixture(scope="module")
def infested(condbench_session) -> Condbench:
    """A command line with all faulty plugins on its path, and one sound conditioner."""
    condbench = condbench_session("infested")
    folder = condbench.cwd / "site"
    for fault in FAULTS:
        plant(folder, distribution(fault), FAULTS[fault].source)
    plant(
        folder,
        "sound",
        "from condbench import hookimpl\nfrom condbench.specs import ConditionerSpec\n@hookimpl\n"
        "def condbench_register_conditioners():\n"
        "    yield ConditionerSpec('sound', 'condbench_plugins.conditioners.film:make', 'film again')\n",
    )
    condbench.planted.append(folder)
    return condbench


def test_plugins_names_every_fault(infested: Condbench) -> None:
    plugins = {plugin["distribution"]: plugin for plugin in infested.json("plugins")}
    for fault, (_, says) in FAULTS.items():
        assert plugins[distribution(fault)]["state"] == "broken", fault
        assert says in plugins[distribution(fault)]["error"], fault
    assert plugins["sound"]["state"] == plugins["condbench"]["state"] == "ok"


def test_a_run_of_everything_else_completes(infested: Condbench, tiny_suite) -> None:
    plan = infested.json("run", "--suite", "smoke", "-b", "*", "-c", "*", "--dry-run")
    names = {cell["name"] for cell in plan}
    assert {"mnist10k.vae.sound.s0", "mnist10k.flow.film.s0"} < names and not [n for n in names if "planted" in n]
    outcome = infested.json("run", "--suite", tiny_suite(), "-b", "vae", "-c", "sound")
    assert [cell["state"] for cell in outcome["cells"]] == ["ok"]
    assert infested.err.count("since it is broken") == len(FAULTS)
    assert Path(infested.cwd / outcome["report"]).is_file()


def test_strict_plugins_names_them_all(infested: Condbench) -> None:
    infested("--strict-plugins", "list", code=2)
    assert infested.err.count("\n") == 1 and f"{len(FAULTS)} plugins are broken" in infested.err
    assert all(f"{distribution(fault)} 1.0: " in infested.err for fault in FAULTS)


def test_doctor_explains_every_fault(infested: Condbench) -> None:
    findings = infested.json("doctor", code=2)
    problems = {f["subject"]: f for f in findings if f["section"] == "plugins" and f["state"] == "problem"}
    assert problems.keys() == {f"{distribution(fault)} 1.0 (plugin)" for fault in FAULTS}
    assert all("--without-plugin" in finding["fix"] for finding in problems.values())
    raised = problems[f"{distribution('raises at once')} 1.0 (plugin)"]
    assert raised["trace"][-2:] == ["    raise ValueError('oh no')  # here", "ValueError: oh no"]
    assert "it had backbone planted" in raised["says"]

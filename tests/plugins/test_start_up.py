"""Start-up does not grow with plugins: 50 more cost `condbench list` less than 0.2 s."""

from __future__ import annotations

import resource

from tests.conftest import Condbench
from tests.planting import plant
from tests.plugins.conftest import BACKBONE

_PLUGINS, _ROUNDS, _LIMIT = 50, 4, 0.2


def seconds(condbench: Condbench) -> float:
    """The processor time of one `condbench list`, which does not count its waiting for other programs."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    condbench("list")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_fifty_plugins_cost_little(condbench_session) -> None:
    """Both kinds take turns, so that a machine that gets slower does so for both. Of each the least counts, which
    others at work can only raise. Starting up is the work of one thread, so its processor time is what a user waits for
    on an idle machine.
    """
    few, many = condbench_session("few"), condbench_session("many")
    for number in range(_PLUGINS):
        source = BACKBONE.replace("planted", f"planted-{number}")
        plant(many.cwd / "site", f"many-{number}", source, metadata="Requires-Dist: condbench\n")
    many.planted.append(many.cwd / "site")
    rounds = [(seconds(few), seconds(many)) for _ in range(_ROUNDS)]
    assert many.out.count("\tplanted-") == _PLUGINS and "planted" not in few.out
    without, with_them = map(min, zip(*rounds, strict=True))
    assert with_them - without < _LIMIT

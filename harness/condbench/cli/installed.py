"""The registry as the verbs use it: a broken plugin is told of, and the rest goes on, unless plugins must be whole."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from condbench.registry import Registry


def installed() -> Registry:
    """The registry of what is installed; a warning on standard error for each broken plugin.

    Raises:
        UserError: under ``--strict-plugins``, if there is any.
    """
    from condbench import registry

    found = registry.installed()
    for plugin in found.broken:
        print(
            f"condbench: warning: nothing of the plugin {plugin} is used, since it is broken: {plugin.error}; "
            "`condbench doctor` says more",
            file=sys.stderr,
        )
    return found

"""The registry as the verbs use it: a broken plugin is told of, and the rest goes on."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from condbench.registry import Registry


def installed() -> Registry:
    """The registry of what is installed; a warning on standard error for each quarantined plugin."""
    from condbench import registry

    found = registry.installed()
    for plugin in found.plugins:
        if plugin.error:
            print(
                f"condbench: warning: the plugin {plugin.distribution} {plugin.version} is quarantined: {plugin.error}",
                file=sys.stderr,
            )
    return found

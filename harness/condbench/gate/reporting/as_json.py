"""The outcome as JSON, with everything in it."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

from condbench.gate.outcome import Outcome


def as_json(outcome: Outcome, *, strict: bool) -> str:
    """All findings with their tests, the exit code and the headline; a number that is not finite is null."""
    whole = {"exit_code": outcome.exit_code(strict=strict), "headline": outcome.headline, **asdict(outcome)}
    return json.dumps(_finite(whole), indent=1)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value

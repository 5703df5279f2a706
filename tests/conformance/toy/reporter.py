from __future__ import annotations

from html import escape

from condbench.store import Run


def render(run: Run) -> str:
    lines = []
    for planned in run.plan:
        result = run.result(planned.name)
        state = "not run yet" if result is None else f"{result.state} {escape(result.reason)}"
        lines.append(f"<li>{planned.name}: {state}</li>")
    return "<ul>" + "\n".join(lines) + "</ul>"

"""``python -m condbench.testing``: the process in which `condbench plugin test` runs the checks.

What it is asked comes as a JSON line on standard input, what it finds goes to standard output as JSON lines, and all
that plugins print to standard error.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

from condbench.errors import UserError
from condbench.registry import installed
from condbench.testing.asking import Answer, Question
from condbench.testing.cases import cases, check_expected, outcome


def main() -> None:
    """Read the question, and print each answer as it comes."""
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    for answer in answers(Question.model_validate_json(sys.stdin.readline())):
        print(answer.model_dump_json(), file=out)


def answers(question: Question) -> Iterator[Answer]:
    """Which case begins, then what became of it, until there are none left; or why nothing is checked."""
    try:
        found = cases(question.distribution, installed(), question.data_root)
        check_expected(question.expected, found)
    except UserError as error:
        yield Answer(refusal=str(error))
        return
    for number, case in enumerate(found):
        begun = Answer(plugin=case.plugin, check=case.check, left=len(found) - number - 1)
        yield begun
        yield begun.model_copy(update={"outcome": outcome(case, question.expected)})


if __name__ == "__main__":
    main()

"""YAML for CI, shipped or shown: it can be read, a fork can take nothing with it, and its commands exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
FOLDERS = (".github", "benchmarks", "docs", "examples", "harness", "plugins", "reports")
WORKFLOW = ".github/workflows/condbench-check.yml"
GITLAB = "examples/ci/gitlab-ci.yml"
AUTHORS = "harness/condbench/templates/every/.github/workflows/test.yml.j2"
CALLERS = ("docs/ci.md", f"{WORKFLOW}'s comment")
_ON = True  # what YAML 1.1 makes of the key `on`
_PINNED = re.compile(r"[\w-]+/[\w./-]+@[0-9a-f]{40}")
_OPTION = re.compile(r"--[a-z][a-z-]*")


def shipped() -> dict[str, str]:
    names = ("*.yml", "*.yaml", "*.yml.j2", "*.yaml.j2")
    paths = (path for folder in FOLDERS for name in names for path in (ROOT / folder).rglob(name))
    return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def shown() -> dict[str, str]:
    """Workflows in the documents and in a comment: indented, from `on:` on."""
    texts = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in ROOT.glob("docs/*.md")}
    texts[CALLERS[1]] = re.sub(r"(?m)^# ?", "", (ROOT / WORKFLOW).read_text(encoding="utf-8"))
    found = {where: re.findall(r"(?m)^ {4}on:.*\n(?: {4}.*\n)+", text) for where, text in texts.items()}
    return {where: dedent(block) for where, blocks in found.items() for block in blocks}


DOCUMENTS: dict[str, Any] = {where: yaml.safe_load(text) for where, text in {**shipped(), **shown()}.items()}
GITHUB = [where for where in DOCUMENTS if where != GITLAB]
INPUTS: dict[str, Any] = DOCUMENTS[WORKFLOW][_ON]["workflow_call"]["inputs"]


def steps(document: Any) -> list[dict[str, Any]]:
    return [step for job in document["jobs"].values() for step in job.get("steps", ())]


def strings(value: Any) -> Iterator[str]:
    """Every key and every text in it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from strings(key)
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)
    elif isinstance(value, str):
        yield value


def scripts(document: Any) -> list[tuple[str, str]]:
    """What shells run, each with all texts of its environment: of GitHub's steps, or of GitLab's jobs."""
    if "jobs" in document:
        return [(step["run"], " ".join(strings(step.get("env", {})))) for step in steps(document) if "run" in step]
    jobs = [job for job in document.values() if isinstance(job, dict)]
    return [(line, "") for job in jobs for key in ("before_script", "script") for line in job.get(key, ())]


def test_all_of_it_is_found_and_read() -> None:
    assert set(DOCUMENTS) == {WORKFLOW, GITLAB, AUTHORS, *CALLERS}
    assert DOCUMENTS[CALLERS[0]] == DOCUMENTS[CALLERS[1]]
    assert all(scripts(DOCUMENTS[where]) for where in (WORKFLOW, GITLAB, AUTHORS))


@pytest.mark.parametrize("where", GITHUB)
def test_a_forks_pull_request_can_take_nothing(where: str) -> None:
    document = DOCUMENTS[where]
    assert document["permissions"] == {"contents": "read"}
    assert not [job for job in document["jobs"].values() if "permissions" in job]
    triggers = [document[_ON]] if isinstance(document[_ON], str) else list(document[_ON])
    assert set(triggers) <= {"workflow_call", "pull_request", "push"}
    assert not [text for text in strings(document) if "secrets" in text or "github.token" in text]
    for step in steps(document):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("where", [WORKFLOW, AUTHORS])
def test_actions_are_pinned_by_commit_and_say_which_version_that_is(where: str) -> None:
    uses = [step["uses"] for step in steps(DOCUMENTS[where]) if "uses" in step]
    assert uses and all(_PINNED.fullmatch(action) for action in uses)
    text = shipped()[where]
    assert len(re.findall(r"uses: \S+@[0-9a-f]{40} # v\d+\.\d+\.\d+\n", text)) == len(uses)


@pytest.mark.parametrize("where", [WORKFLOW, AUTHORS])
def test_nothing_from_outside_is_run_as_code(where: str) -> None:
    """What an expression holds reaches the shell as a variable."""
    assert not [script for script, _ in scripts(DOCUMENTS[where]) if "${{" in script]


def test_every_command_names_options_that_exist(condbench) -> None:
    asked: dict[str, set[str]] = {}
    for document in DOCUMENTS.values():
        for script, environment in scripts(document):
            for line in script.splitlines():
                program, *words = shlex.split(line)
                if program == "condbench":
                    options = {word.partition("=")[0] for word in words if word.startswith("--")}
                    asked.setdefault(words[0], set()).update(options, _OPTION.findall(environment))
    assert set(asked) == {"check"} and {"--baseline", "--speed", "--base", "--strict"} <= asked["check"]
    for verb, options in asked.items():
        assert options <= set(_OPTION.findall(condbench(verb, "--help")))


def test_a_caller_gives_inputs_that_there_are_and_each_is_used() -> None:
    (call,) = DOCUMENTS[CALLERS[0]]["jobs"].values()
    assert call["uses"] == f"OWNER/condbench/{WORKFLOW}@COMMIT"
    assert set(call["with"]) <= set(INPUTS)
    used = set(re.findall(r"inputs\.([a-z-]+)", " ".join(strings(DOCUMENTS[WORKFLOW]["jobs"]))))
    assert used == set(INPUTS)


@pytest.mark.parametrize("where", [WORKFLOW, AUTHORS])
def test_what_a_step_hands_its_shell_is_used(where: str) -> None:
    for step in steps(DOCUMENTS[where]):
        for variable in step.get("env", {}):
            assert re.search(rf"\$\{{?{variable}\b", step["run"]), (step["name"], variable)


def test_a_caller_that_asks_for_nothing_is_told() -> None:
    asks = {name: job["if"] for name, job in DOCUMENTS[WORKFLOW]["jobs"].items()}
    assert asks == {
        "nothing": "inputs.baseline == '' && !inputs.speed",
        "quality": "inputs.baseline != ''",
        "speed": "inputs.speed",
    }


def test_two_calls_in_one_workflow_can_upload_beside_each_other() -> None:
    names = [step["with"]["name"] for step in steps(DOCUMENTS[WORKFLOW]) if "/upload-artifact@" in step.get("uses", "")]
    assert names == ["${{ inputs.artifact }}-quality", "${{ inputs.artifact }}-speed"]

"""What a side is made from: a git revision, a folder, a distribution's file, or a requirement for pip."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from condbench.errors import UserError

_PINNED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[^\]]*\])?\s*==\s*[^\s*,;]+")
"""A name with a version, whose content stays; what lies at an address may change, and environments are kept."""

_NO_PROMPT = {"GIT_TERMINAL_PROMPT": "0"}


@dataclass(frozen=True)
class Source:
    """Something that pip can install: ``label`` names it, ``digest`` identifies its content.

    ``commit`` is set for a git revision of the project in ``place``; else ``place`` is what pip is given.
    """

    label: str
    digest: str
    place: str
    commit: str = ""

    @contextmanager
    def checked_out(self) -> Iterator[str]:
        """What pip is given; a revision is checked out elsewhere, so that the working tree stays as it is.

        Raises:
            UserError: if the revision cannot be checked out.
        """
        if not self.commit:
            yield self.place
            return
        top, below = _git(self.place, "rev-parse", "--show-toplevel", "--show-prefix").splitlines()
        with TemporaryDirectory(prefix="condbench-base-") as folder:
            clone = str(Path(folder) / "tree")
            _git(top, "clone", "--quiet", "--shared", "--no-checkout", ".", clone)
            _git(clone, "checkout", "--quiet", "--detach", self.commit)
            yield str(Path(clone) / below)


def source(text: str, project: Path) -> Source:
    """What ``--base`` or ``--head`` names.

    Args:
        text: a folder or file that exists, a git revision of the project, or a requirement with its version.
        project: the folder whose revisions are meant.

    Raises:
        UserError: if it is none of these.
    """
    path = Path(text)
    if path.is_dir():
        return Source(text, _digest_of_folder(path), str(path.resolve()))
    if path.is_file():
        return Source(text, hashlib.sha256(path.read_bytes()).hexdigest(), str(path.resolve()))
    commit, said = _commit(text, project)
    if commit:
        return Source(f"{text} ({commit[:10]})", commit, str(project.resolve()), commit)
    if _PINNED.fullmatch(text):
        return Source(text, hashlib.sha256(text.encode()).hexdigest(), text)
    raise UserError(
        f"'{text}' is neither a git revision of '{project}'{f' ({said})' if said else ''} nor a file, a folder or a "
        "requirement with its version: write e.g. origin/main, dist/mine-1.0-py3-none-any.whl or condbench==0.1.0 (a "
        "shallow clone has few revisions: fetch all)."
    )


def _commit(text: str, project: Path) -> tuple[str, str]:
    """The commit that a revision means, empty if there is none; and what git has to say besides, e.g. of the owner."""
    command = ["git", "-C", str(project), "rev-parse", "--verify", "--quiet", "--end-of-options", f"{text}^{{commit}}"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, env=os.environ | _NO_PROMPT)
    except FileNotFoundError:
        return "", "git is not installed"
    said = (answer.stderr.strip().splitlines() or [""])[0]
    return (answer.stdout.strip(), "") if answer.returncode == 0 else ("", said)


def _digest_of_folder(folder: Path) -> str:
    """Of all files that git does not ignore, or of all files where git knows nothing of the folder, or ignores it."""
    command = ["git", "-C", str(folder), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True)
        names = answer.stdout.split("\0") if answer.returncode == 0 else []
    except FileNotFoundError:
        names = []
    files = [folder / name for name in names if name] or folder.rglob("*")
    whole = hashlib.sha256(str(folder.resolve()).encode())
    for file in sorted(files):
        if file.is_file():
            content = file.read_bytes()
            whole.update(f"\0{file.relative_to(folder)}\0{len(content)}\0".encode() + content)
    return whole.hexdigest()


def _git(where: str, *arguments: str) -> str:
    answer = subprocess.run(["git", *arguments], cwd=where, capture_output=True, text=True, env=os.environ | _NO_PROMPT)
    if answer.returncode:
        last = (answer.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise UserError(f"git {arguments[0]} failed in '{where}' ({last}): check the repository, e.g. with git fsck.")
    return answer.stdout

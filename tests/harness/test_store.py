from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from condbench.errors import UserError
from condbench.results import CellResult
from condbench.store import COLUMNS, Run, write_atomically


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "result.json"
    write_atomically(path, "old")

    def full(descriptor: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["result.json"]


def test_what_is_written_is_read(full_run: Run) -> None:
    again = Run(full_run.path)
    assert again.plan == full_run.plan and again.info == full_run.info and again.results() == full_run.results()


def test_the_table_has_every_cell_whatever_became_of_it(full_run: Run) -> None:
    table = full_run.table()
    assert tuple(table.columns) == COLUMNS
    assert set(table.cell) == {planned.name for planned in full_run.plan}
    ended = {result.name: result.state for result in full_run.results()}
    for name, status in zip(table.cell, table.status, strict=True):
        assert status == ended.get(name, "not run yet")


def test_a_foreign_record_is_refused(full_run: Run) -> None:
    result = full_run.results()[0]
    path = full_run.cell_path(result.name) / "result.json"
    foreign = json.loads(path.read_text()) | {"accuracy": 0.9}
    path.write_text(json.dumps(foreign))
    with pytest.raises(UserError, match=r"damaged or of another version \(accuracy"):
        full_run.result(result.name)
    assert CellResult.model_validate_json(result.model_dump_json()) == result

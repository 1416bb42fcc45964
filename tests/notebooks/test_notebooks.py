"""The notebooks run on a small home, print what the evidence says, and hold nobody's row."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import nbclient
import nbformat
import polars as pl
import pytest

from caregate.settings import Settings
from crm.snapshot import Snapshot
from crm.tables import IDENTIFIERS
from registry.candidate import Candidate

NOTEBOOKS = {"no-show": "no_show.ipynb", "readmission-risk": "readmission_risk.ipynb"}
SECONDS_A_CELL = 120


@pytest.fixture(scope="session", params=NOTEBOOKS)
def executed(
    request: pytest.FixtureRequest, explored: Settings, runs: dict[str, Candidate], notebooks: Path
) -> tuple[Candidate, nbformat.NotebookNode]:
    """A model's candidate, and its notebook after a run of all cells."""
    notebook = nbformat.read(notebooks / NOTEBOOKS[request.param], as_version=4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CAREGATE_HOME", str(explored.home))
        patch.setenv("CAREGATE_THREADS", "2")
        client = nbclient.NotebookClient(notebook, timeout=SECONDS_A_CELL, resources={"metadata": {"path": notebooks}})
        return runs[request.param], client.execute()


class TestExecuted:
    def test_every_cell_ends(self, executed):
        _, notebook = executed
        codes = [cell for cell in notebook.cells if cell.cell_type == "code"]
        assert all(cell.execution_count for cell in codes)

    def test_gates_table_shows_the_verdicts_of_the_evidence(self, executed):
        candidate, notebook = executed
        gates = json.loads((candidate.folder / "evidence" / "gates.json").read_text(encoding="utf-8"))
        lines = [line.split()[1:3] for line in plain_text(notebook, "gates-table").splitlines()[1:]]
        assert lines == [[gate["gate"], gate["verdict"]] for gate in gates["gates"]] + [["all", gates["status"]]]

    def test_every_open_check_is_put_to_the_reader(self, executed):
        candidate, notebook = executed
        gates = json.loads((candidate.folder / "evidence" / "gates.json").read_text(encoding="utf-8"))
        names = [check["name"] for gate in gates["gates"] for check in gate["checks"] if check["verdict"] != "passed"]
        shown = plain_text(notebook, "open")
        assert [name for name in names if name not in shown] == []

    def test_no_token_of_anybody_is_printed(self, executed, snapshot):
        _, notebook = executed
        printed = "".join(text for cell in notebook.cells for text in texts_of(cell))
        assert not any(token in printed for token in tokens_of(snapshot))


class TestCommitted:
    @pytest.mark.parametrize("name", NOTEBOOKS.values())
    def test_carries_no_output(self, notebooks, name):
        cells = nbformat.read(notebooks / name, as_version=4).cells
        codes = [cell for cell in cells if cell.cell_type == "code"]
        assert all(not cell.outputs and cell.execution_count is None for cell in codes)

    @pytest.mark.parametrize("name", NOTEBOOKS.values())
    def test_is_a_valid_notebook_with_named_cells(self, notebooks, name):
        notebook = nbformat.read(notebooks / name, as_version=4)
        nbformat.validate(notebook)
        assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)


def plain_text(notebook: nbformat.NotebookNode, cell_id: str) -> str:
    cell = next(cell for cell in notebook.cells if cell.id == cell_id)
    return "".join(output["data"]["text/plain"] for output in cell.outputs)


def texts_of(cell: nbformat.NotebookNode) -> Iterator[str]:
    """Yield what a cell printed, in every form but images."""
    for output in cell.get("outputs", ()):
        yield output.get("text", "")
        yield from (text for kind, text in output.get("data", {}).items() if kind in ("text/plain", "text/html"))


def tokens_of(snapshot: Snapshot) -> set[str]:
    return {
        token
        for table, columns in IDENTIFIERS.items()
        for column in columns
        for token in pl.read_parquet(snapshot.path(table), columns=[column])[column].drop_nulls()
    }

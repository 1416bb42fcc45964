"""The nightly scoring takes each file of a folder once."""

from __future__ import annotations

from flows.score import new_files


def test_files_without_scores_are_taken_in_their_order(tmp_path):
    inputs, scores = tmp_path / "to-score", tmp_path / "scores"
    inputs.mkdir()
    scores.mkdir()
    for name in ("b.parquet", "a.parquet", ".half.parquet", "dataset.yaml"):
        (inputs / name).touch()
    (scores / "a.parquet.scores.parquet").touch()
    assert new_files(inputs, scores) == [(inputs / "b.parquet", scores / "b.parquet.scores.parquet")]


def test_a_file_is_scored_as_it_is_named(tmp_path):
    taken, place = tmp_path / "in.parquet", tmp_path / "out.csv"
    assert new_files(taken, place) == [(taken, place)]

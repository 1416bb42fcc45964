"""What cannot be used is refused in one line that repeats nothing of it, before anything is written."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from caregate.errors import BadInput
from crm.csv_text import read_csv
from crm.deidentify import deidentify
from crm.policy import DoorPolicy, door_policy
from crm.reading import UnreadableFile, read_content
from crm.source import SourceNotReleased, UnknownSource, WrongSourceOptions, make_source
from crm.sources.noshow_kaggle_rules import COLUMNS

HEADER = ",".join(COLUMNS)
SECRET = "29872499824296"
ROW = f"{SECRET},5642903,F,2016-04-29T18:38:08Z,2016-04-29T00:00:00Z,62,CENTRO,0,1,0,0,0,0,No"
SOUND = f"{HEADER}\n{ROW}\n".encode()

BAD: dict[str, bytes] = {
    "empty.csv": b"",
    "empty.csv.gz": gzip.compress(b""),
    "header-only.csv": f"{HEADER}\n".encode(),
    "no-header.csv": f"{ROW}\n{ROW}\n".encode(),
    "missing-column.csv": SOUND.replace(b"Age,", b"Years,"),
    "extra-column.csv": SOUND.replace(b"No-show", b"No-show,Phone").replace(b",No\n", b",No,555\n"),
    "column-twice.csv": SOUND.replace(b"Hipertension", b"Age"),
    "latin-1.csv": SOUND.replace(b"CENTRO", "CENTRO É".encode("latin-1")),
    "utf-16.csv": SOUND.decode().encode("utf-16"),
    "nul.csv": SOUND.replace(b"CENTRO", b"CEN\0TRO"),
    "short-row.csv": SOUND + f"{SECRET},1\n".encode(),
    "long-row.csv": SOUND + f"{ROW},1\n".encode(),
    "open-quote.csv": SOUND + SOUND.replace(b"CENTRO", b'"CENTRO').partition(b"\n")[2] * 2,
    "open-quote-header.csv": b'"' + SOUND,
    "truncated.csv.gz": gzip.compress(SOUND * 500)[:-9],
    "damaged.csv.gz": gzip.compress(SOUND)[:12] + b"\xff" * 40,
    "not-gzip.csv.gz": SOUND,
    "zip.csv": b"PK\x03\x04" + bytes(60),
    "blank-lines.csv": b"\n\n\n",
}


class TestBadFiles:
    @pytest.mark.parametrize("name", BAD)
    @pytest.mark.parametrize("source", ["noshow-kaggle", "diabetes-130", "csv"])
    def test_are_refused_in_one_line_that_repeats_no_value(self, tmp_path, name, source):
        path = tmp_path / name
        path.write_bytes(BAD[name])
        with pytest.raises(BadInput) as refused:
            make_source(source).read(str(path))
        text = str(refused.value)
        assert "\n" not in text
        assert SECRET not in text
        assert "555" not in text
        assert refused.value.__cause__ is None

    def test_wrong_types_are_no_bad_file_but_held_back(self, appointments):
        raw = make_source("noshow-kaggle").read(str(appointments([{"Age": "old"}])))
        assert raw.rejected["rule"].to_list() == ["malformed-number"]

    @pytest.mark.parametrize("source", ["noshow-kaggle", "diabetes-130", "csv", "parquet"])
    @pytest.mark.parametrize("name", ["absent.csv", "folder", "x" * 300, "nul\0byte"])
    def test_what_is_no_file_is_refused(self, tmp_path, source, name):
        (tmp_path / "folder").mkdir()
        with pytest.raises(BadInput):
            make_source(source).read(str(tmp_path / name))

    def test_a_pipe_is_no_file(self, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(UnreadableFile):
            make_source("noshow-kaggle").read(str(tmp_path / "pipe"))

    @pytest.mark.parametrize("source", ["noshow-kaggle", "diabetes-130", "csv", "parquet"])
    def test_no_path_is_refused(self, source):
        with pytest.raises(BadInput, match="needs the path"):
            make_source(source).read(None)


class TestBombs:
    def test_a_file_that_unpacks_a_thousandfold_is_refused_early(self, tmp_path):
        path = tmp_path / "bomb.csv.gz"
        with gzip.open(path, "wb") as file:
            for _ in range(64):
                file.write(bytes(1 << 20))
        with pytest.raises(UnreadableFile, match=r"unpacks to more than crm/policy\.yaml allows"):
            read_content(path)

    def test_a_plain_file_has_a_largest_size(self, tmp_path):
        path = tmp_path / "large.csv"
        path.write_bytes(b"x" * 101)
        with pytest.raises(UnreadableFile, match="unpacks"):
            read_content(path, limits(most_bytes=100))

    def test_the_policy_gives_a_reason_for_every_number(self):
        assert door_policy().most_ratio < 1030


def limits(**changed: int) -> DoorPolicy:
    standing = door_policy()
    return DoorPolicy(**{name: getattr(standing, name) for name in DoorPolicy.__slots__} | changed)


class TestGoodFiles:
    @pytest.mark.parametrize("name", ["plain.csv", "packed.csv.gz", "packed-without-the-name.csv"])
    def test_plain_and_gzip_say_the_same(self, tmp_path, name):
        path = tmp_path / name
        path.write_bytes(SOUND if name == "plain.csv" else gzip.compress(SOUND))
        assert read_csv(path, COLUMNS).rows["PatientId"].to_list() == [SECRET]

    def test_a_byte_order_mark_and_windows_line_ends_are_nothing(self, tmp_path):
        path = tmp_path / "windows.csv"
        path.write_bytes(b"\xef\xbb\xbf" + SOUND.replace(b"\n", b"\r\n"))
        assert read_csv(path, COLUMNS).rows["No-show"].to_list() == ["No"]

    def test_the_order_of_columns_is_nothing(self, tmp_path):
        path = tmp_path / "turned.csv"
        lines = [",".join(reversed(line.split(","))) for line in SOUND.decode().splitlines()]
        path.write_text("\n".join(lines) + "\n")
        assert read_csv(path, COLUMNS).rows.row(0)[0] == SECRET


class TestNothingIsWritten:
    def test_a_refused_file_leaves_the_vault_as_it_was(self, tmp_path, vault):
        before = home_bytes(tmp_path / "home")
        path = tmp_path / "bad.csv"
        path.write_bytes(BAD["short-row.csv"])
        with pytest.raises(BadInput):
            deidentify(make_source("noshow-kaggle").read(str(path)), vault, owner="owner")
        assert home_bytes(tmp_path / "home") == before


def home_bytes(home: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(home.rglob("*")) if path.is_file()}


class TestFactory:
    def test_knows_what_is_released_and_what_is_not(self):
        assert make_source("noshow-kaggle").name == "noshow-kaggle"
        with pytest.raises(UnknownSource, match="choose one of synthetic"):
            make_source("excel")
        for later in ("fhir", "capsule", "lacrm"):
            with pytest.raises(SourceNotReleased, match="not in this release"):
                make_source(later)

    def test_offers_only_what_works(self):
        with pytest.raises(UnknownSource) as refusal:
            make_source("excel")
        offered = str(refusal.value).partition("choose one of ")[2].split(", ")
        assert offered == ["synthetic", "csv", "parquet", "noshow-kaggle", "diabetes-130"]
        assert [make_source(name).name for name in offered] == offered

    def test_refuses_options_that_a_source_does_not_take(self):
        with pytest.raises(WrongSourceOptions, match="rows"):
            make_source("csv", rows=5)

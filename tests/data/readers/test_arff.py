"""Gold standard files made byte by byte as AVEC 2016 wrote them, and each way in which one can be wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from pen_mobile.data.readers.arff import read_gold_standard
from pen_mobile.errors import BadInput

GOOD = (
    b"@relation GOLDSTANDARD\r\n"  # line 1
    b"\r\n"
    b"@attribute Instance_name string\r\n"
    b"@attribute frameTime numeric\r\n"
    b"@attribute GoldStandard numeric\r\n"  # line 5
    b"\r\n"
    b"@data\r\n"
    b"\r\n"
    b"dev_1,0,0.25\r\n"  # line 9
    b"dev_1,0.04,-0.022925\r\n"
    b"dev_1,0.08,0\r\n"
    b"dev_1,0.2,-1\r\n"
    b"dev_1,300,1\r\n"
)


def write(folder: Path, content: bytes) -> Path:
    path = folder / "dev_1.arff"
    path.write_bytes(content)
    return path


def assert_good(path: Path) -> None:
    read = read_gold_standard(path)
    assert read.instance == "dev_1"
    assert read.time_s.tolist() == [0.0, 0.04, 0.08, 0.2, 300.0]
    assert read.values.tolist() == [0.25, -0.022925, 0.0, -1.0, 1.0]


def test_every_row_is_read_the_first_too(tmp_path: Path) -> None:
    assert_good(write(tmp_path, GOOD))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"\r\n", b"\n"),
        (b"\r\n\r\n", b"\r\n"),
        (b"300,1\r\n", b"300,1"),  # no line end after the last row
        (b"@relation", b"% made by hand\r\n@relation"),
        (b"@data\r\n", b"@data\r\n% rows follow\r\n"),
        (b"@attribute ", b"@ATTRIBUTE\t"),
        (b"@data", b"@DATA"),
        (b"dev_1", b"'dev_1'"),
        (b",", b" , "),
        (b"@relation", b"\xef\xbb\xbf@relation"),
    ],
)
def test_harmless_differences_change_nothing(tmp_path: Path, old: bytes, new: bytes) -> None:
    assert_good(write(tmp_path, GOOD.replace(old, new)))


def test_the_order_of_columns_is_the_headers(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        b"@relation GOLDSTANDARD\r\n@attribute GoldStandard numeric\r\n@attribute Instance_name string\r\n"
        b"@attribute other numeric\r\n@attribute frameTime numeric\r\n@data\r\n"
        b"0.5,train_3,9,0\r\n-0.5,train_3,8,0.04\r\n",
    )
    read = read_gold_standard(path)
    assert read.instance == "train_3"
    assert read.time_s.tolist() == [0.0, 0.04]
    assert read.values.tolist() == [0.5, -0.5]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"@attribute Instance_name string\r\n", b"", "attribute 'Instance_name' is missing; there are frameTime, "),
        (b"@attribute frameTime numeric\r\n", b"", "attribute 'frameTime' is missing; there are Instance_name, Gold"),
        (b"@attribute GoldStandard numeric\r\n", b"", "attribute 'GoldStandard' is missing; there are Instance_name"),
        (b"-0.022925", b"?", r"line 10: GoldStandard is missing"),
        (b"-0.022925", b"", r"line 10: GoldStandard is missing"),
        (b"-0.022925", b"NaN", "line 10: GoldStandard is nan"),
        (b"-0.022925", b"-inf", "line 10: GoldStandard is -inf"),
        (b"-0.022925", b"low", "line 10: GoldStandard is 'low', not a number"),
        (b"-0.022925", b"-1.5", r"line 10: GoldStandard is -1\.5; ratings must lie in \[-1, 1\]"),
        (b",0.08,", b",?,", "line 11: frameTime is missing"),
        (b",0.08,", b",nan,", "line 11: frameTime is nan"),
        (b",0.08,", b",0.04,", r"line 11: 0\.04 s does not come after 0\.04 s"),
        (b",0.08,", b",0.01,", r"line 11: 0\.01 s does not come after 0\.04 s"),
        (b"dev_1,0.08,0", b"dev_1,0.08", "line 11: 2 values where the header names 3"),
        (b"dev_1,0.08,0", b"dev_1,0.08,0,0", "line 11: 4 values where the header names 3"),
        (b"dev_1,0.08,0", b"dev_2,0.08,0", "line 11: 'dev_2' in a file of 'dev_1'"),
        (b"@data", b"", "line 9: 'dev_1,0,0.25' is not part of an ARFF header"),
        (b"@attribute frame", b"@property frame", "line 4: '@property frameTime numeric' is not part"),
        (b"@attribute frameTime numeric", b"@attribute", "line 4: '@attribute' is not part"),
        (GOOD[GOOD.index(b"dev_1") :], b"", "no rows follow @data"),
        (GOOD[GOOD.index(b"@data") :], b"", "it has no @data"),
        (GOOD, b"", "it has no @data"),
        (b"dev_1,0,", b"\xff\xfe,0,", "not a text file"),
    ],
)
def test_bad_files_are_refused_by_name_and_line(tmp_path: Path, old: bytes, new: bytes, message: str) -> None:
    assert old in GOOD
    with pytest.raises(BadInput, match=rf"dev_1\.arff: .*{message}"):
        read_gold_standard(write(tmp_path, GOOD.replace(old, new)))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"dev_1\.arff: cannot be read: No such file"):
        read_gold_standard(tmp_path / "dev_1.arff")

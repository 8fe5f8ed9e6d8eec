"""Pairs files as people's programs write them: one reader, one answer."""

from pathlib import Path

import pytest

from pfafn.data.pairs import read_lines

PLAIN = [("a.jpg", "b.jpg"), ("c.jpg", "d.jpg")]


def read(path: Path, content: bytes) -> list[tuple[str, str]]:
    path.write_bytes(content)
    lines = list(read_lines(path))
    assert not [line.problem for line in lines if line.problem]
    return [(line.person, line.garment) for line in lines]


@pytest.mark.parametrize(
    "text",
    [
        "a.jpg b.jpg\nc.jpg d.jpg\n",
        "a.jpg b.jpg\r\nc.jpg d.jpg",
        "a.jpg b.jpg\rc.jpg d.jpg\r",
        "  a.jpg \t b.jpg  \n\n# later\n\tc.jpg\t\td.jpg\n",
        "a.jpg,b.jpg\nc.jpg; d.jpg\n",
        '"a.jpg" "b.jpg"\n\'c.jpg\'\t"d.jpg"\n',
        "a.jpg b.jpg upper_body\nc.jpg\td.jpg\t2\n",
        "person,garment\na.jpg,b.jpg\nc.jpg,d.jpg\n",
        "im_name c_name\na.jpg b.jpg\nc.jpg d.jpg\n",
    ],
)
def test_the_same_pairs_are_read_however_they_are_written(tmp_path: Path, text: str) -> None:
    assert read(tmp_path / "pairs.txt", text.encode()) == PLAIN


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_text_may_be_coded_as_windows_does(tmp_path: Path, coding: str) -> None:
    assert read(tmp_path / "p", "ren\u00e9.jpg x.jpg\n".encode(coding)) == [
        ("ren\u00e9.jpg", "x.jpg")
    ]


@pytest.mark.parametrize(
    "text", ["shop 1.jpg\tb.jpg", '"shop 1.jpg" b.jpg', '"shop 1.jpg","b.jpg"']
)
def test_a_name_with_spaces_is_set_off(tmp_path: Path, text: str) -> None:
    assert read(tmp_path / "p", text.encode()) == [("shop 1.jpg", "b.jpg")]


def test_letters_are_composed_and_folders_parted_by_slashes(tmp_path: Path) -> None:
    assert read(tmp_path / "p", "rene\u0301.jpg img\\x.jpg".encode()) == [
        ("ren\u00e9.jpg", "img/x.jpg")
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"a.jpg", "got 'a.jpg'"),
        (b"my a.jpg b.jpg", "a tab between"),
        (b"my a.jpg b.gif", "a tab between"),
        (b"a.jpg b.jpg c d", "expected a person's and a garment's"),
        (b'a.jpg ""', "expected"),
        (b"ren\xe9.jpg b.jpg", "save the file as UTF-8"),
        (b"a.jpg\0 b.jpg", "save the file as UTF-8"),
    ],
)
def test_a_line_that_is_no_pair_says_its_number_and_what_is_wrong(
    tmp_path: Path, line: bytes, said: str
) -> None:
    (tmp_path / "p").write_bytes(b"# two\na.jpg b.jpg\n" + line + b"\n")
    good, bad = read_lines(tmp_path / "p")
    assert good.problem is None
    assert bad.number == 3
    assert said in bad.problem

"""A folder of files: what is read, in which order, and that nothing is left out in silence."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from augury.connector.sources import Item, open_source
from augury.errors import DocumentError, SourceError
from augury.schemas.document import Document


def write(path: Path, content: str | bytes = "words") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def only(path: Path, encoding: str = "utf-8") -> Item:
    (item,) = open_source(str(path), encoding=encoding)
    return item


def error(path: Path, encoding: str = "utf-8") -> DocumentError:
    item = only(path, encoding)
    assert isinstance(item, DocumentError), item
    assert item.doc_id == path.name and path.name in str(item) and item.fix
    return item


def test_files_are_read_in_the_order_of_their_paths(tmp_path: Path) -> None:
    for name in ("b/z.txt", "b-a.md", "a.TXT", "b/a/x.markdown", "c.htm", ".hidden.txt", ".git/x.txt"):
        write(tmp_path / name, "<p>words" if name == "c.htm" else "words")
    source = open_source(str(tmp_path))
    found = [item for item in source if isinstance(item, Document)]
    assert [each.id for each in found] == ["a.TXT", "b-a.md", "b/a/x.markdown", "b/z.txt", "c.htm"]
    assert sorted(each.id for each in found) == [each.id for each in found]
    assert (source.kind, source.total, source.notes) == ("folder", 5, [])
    assert found[0].metadata == {"path": "a.TXT", "extension": ".txt"}
    assert found[0].source == str(tmp_path / "a.TXT")


def test_other_kinds_are_counted_in_a_note(tmp_path: Path) -> None:
    for name in ("a.txt", "b.docx", "sub/c.docx", "d.PNG", "LICENSE"):
        write(tmp_path / name)
    source = open_source(str(tmp_path))
    for _ in range(2):
        assert len(list(source)) == 1
        assert source.notes == [
            "4 files of kinds that cannot be read were left out: .docx 2, .png 1, no extension 1."
        ]


@pytest.mark.parametrize(
    ("name", "content", "title"),
    [
        ("a.md", "intro\n\n```sh\n# comment\n```\n## Second\n# The *title* #\ntext", "The *title*"),
        ("a.md", "#no heading\n    # code\n# #\n# C# and F#", "C# and F#"),
        ("a.md", "no heading", "a"),
        ("a.txt", "# no heading in plain text", "a"),
        ("a.html", "<title> A\n title </title><p>words", "A title"),
        ("a.html", "<p>words", "a"),
    ],
)
def test_titles(tmp_path: Path, name: str, content: str, title: str) -> None:
    item = only(write(tmp_path / name, content))
    assert isinstance(item, Document) and item.title == title


def test_a_folder_link_to_itself_is_not_followed(tmp_path: Path) -> None:
    write(tmp_path / "sub/a.txt")
    (tmp_path / "sub/loop").symlink_to(tmp_path, target_is_directory=True)
    outside = write(tmp_path.parent / f"{tmp_path.name}-other/b.txt")
    (tmp_path / "linked").symlink_to(outside.parent, target_is_directory=True)
    source = open_source(str(tmp_path))
    assert [item.id for item in source if isinstance(item, Document)] == ["linked/b.txt", "sub/a.txt"]
    assert source.notes == ["1 links to a folder above them were not followed."]


def test_a_file_that_vanished_or_leads_nowhere_is_an_error(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt", "c.txt"):
        write(tmp_path / name)
    (tmp_path / "d.txt").symlink_to(tmp_path / "nowhere")
    items = iter(open_source(str(tmp_path)))
    next(items)
    (tmp_path / "b.txt").unlink()
    gone, good, dangling = items
    assert isinstance(gone, DocumentError) and gone.doc_id == "b.txt" and "b.txt cannot be read" in str(gone)
    assert isinstance(good, Document)
    assert isinstance(dangling, DocumentError) and dangling.doc_id == "d.txt"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_an_error(tmp_path: Path) -> None:
    write(tmp_path / "a.txt").chmod(0)
    write(tmp_path / "sub/b.txt").parent.chmod(0)
    write(tmp_path / "z.txt")
    file, folder, good = open_source(str(tmp_path))
    (tmp_path / "sub").chmod(0o700)
    assert isinstance(file, DocumentError) and "a.txt" in str(file)
    assert isinstance(folder, DocumentError) and "sub" in str(folder)
    assert isinstance(good, Document)


def test_a_folder_that_cannot_be_listed_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a.txt")
    write(tmp_path / "sub/b.txt")
    scandir = os.scandir

    def refuse(folder: Path) -> object:
        if Path(folder).name == "sub":
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    good, bad = open_source(str(tmp_path))
    assert isinstance(good, Document)
    assert isinstance(bad, DocumentError) and "sub cannot be read: Permission denied" in str(bad)


def test_a_source_folder_that_vanished_ends_the_source(tmp_path: Path) -> None:
    folder = write(tmp_path / "docs/a.txt").parent
    source = open_source(str(folder))
    folder.rename(tmp_path / "elsewhere")
    with pytest.raises(SourceError, match=r"docs cannot be read: No such file"):
        list(source)


def test_what_is_no_ordinary_file_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    os.mkfifo("pipe.txt")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket.txt")
        items = list(open_source("."))
    assert ["no ordinary file" in str(item) for item in items] == [True, True]


def test_a_name_that_is_not_utf8_is_an_error_that_can_be_printed(tmp_path: Path) -> None:
    try:
        with open(os.fsencode(tmp_path) + b"/caf\xe9.txt", "wb") as file:
            file.write(b"words")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    (item,) = open_source(str(tmp_path))
    assert isinstance(item, DocumentError) and item.doc_id is None
    assert "dce9" in str(item)
    f"{item} {item.source}".encode()


def test_bytes_in_another_encoding_are_an_error_with_the_option(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "café".encode("cp1252"))
    assert "--encoding" in error(path).fix
    item = only(path, "cp1252")
    assert isinstance(item, Document) and item.text == "café"


def test_a_binary_file_is_an_error(tmp_path: Path) -> None:
    assert "binary" in error(write(tmp_path / "a.txt", b"\x7fELF\0\0\0")).what
    assert "utf-16" in error(write(tmp_path / "b.md", "words".encode("utf-16-le"))).fix


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.html"])
def test_a_file_of_spaces_is_an_error(tmp_path: Path, name: str) -> None:
    assert "empty" in error(write(tmp_path / name, " \n ")).what


def test_a_folder_without_anything_to_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="holds no files"):
        open_source(str(tmp_path))
    write(tmp_path / "a.docx")
    with pytest.raises(SourceError, match=r"only files of other kinds \(\.docx\)"):
        open_source(str(tmp_path))

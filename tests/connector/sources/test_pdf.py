"""PDFs, made here: with text, without, encrypted and broken."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from fpdf import FPDF
from pypdf import PdfReader, PdfWriter

from augury.connector.sources import open_source
from augury.errors import DocumentError
from augury.schemas.document import Document


def pdf(path: Path, *pages: str, title: str = "") -> Path:
    made = FPDF()
    made.set_font("Helvetica")
    if title:
        made.set_title(title)
    for text in pages:
        made.add_page()
        made.multi_cell(0, text=text)
    path.write_bytes(made.output())
    return path


def encrypted(path: Path, password: str) -> Path:
    writer = PdfWriter(clone_from=PdfReader(pdf(path, "secret words")))
    writer.encrypt(password, "owner", algorithm="RC4-128")
    writer.write(path)
    return path


def only(path: Path) -> Document | DocumentError:
    (item,) = open_source(str(path))
    return item


def error(path: Path) -> DocumentError:
    item = only(path)
    assert isinstance(item, DocumentError), item
    assert item.doc_id == path.name and path.name in item.what
    return item


def test_text_title_and_pages(tmp_path: Path) -> None:
    path = pdf(tmp_path / "paper.pdf", "first page", "second page", title="On pages")
    source = open_source(str(path))
    assert (source.kind, source.total) == ("file", 1)
    item = only(path)
    assert isinstance(item, Document) and (item.id, item.title) == ("paper.pdf", "On pages")
    assert item.text == "first page\n\nsecond page"
    assert item.metadata == {"path": "paper.pdf", "extension": ".pdf", "pages": 2}


def test_without_a_title_the_stem_is_taken(tmp_path: Path) -> None:
    item = only(pdf(tmp_path / "paper.pdf", "words"))
    assert isinstance(item, Document) and item.title == "paper"


def test_no_text_may_mean_a_scan(tmp_path: Path) -> None:
    failure = error(pdf(tmp_path / "scan.pdf", "", title="A scan"))
    assert "may be scanned" in failure.what and "ocrmypdf" in failure.fix


def test_a_password_is_needed_or_not(tmp_path: Path) -> None:
    assert "is encrypted" in error(encrypted(tmp_path / "locked.pdf", "user")).what
    assert isinstance(only(encrypted(tmp_path / "open.pdf", "")), Document)


def test_encryption_that_needs_another_package_is_an_error(tmp_path: Path) -> None:
    aes = b"/V 4 /CF << /StdCF << /CFM /AESV2 >> >> /StmF /StdCF /StrF /StdCF"
    path = encrypted(tmp_path / "aes.pdf", "")
    path.write_bytes(path.read_bytes().replace(b"/V 2", aes).replace(b"/R 3", b"/R 4"))
    # In a process of its own, where the packages that decrypt it are not there even if they are installed.
    code = (
        "import sys; sys.modules.update({'cryptography': None, 'Crypto': None}); "
        "from augury.connector.sources import open_source; print(*open_source(sys.argv[1]))"
    )
    told = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert "is encrypted" in told.stdout


@pytest.mark.parametrize("keep", [0, 5, 300, 0.5])
def test_a_torn_pdf_is_an_error(tmp_path: Path, keep: float) -> None:
    raw = pdf(tmp_path / "whole.pdf", "words").read_bytes()
    path = tmp_path / "torn.pdf"
    path.write_bytes(b"%PDF-1.7 nothing" if keep == 0 else raw[: int(keep if keep >= 1 else keep * len(raw))])
    assert "torn.pdf" in error(path).what


def test_the_others_go_on(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(b"not a PDF")
    pdf(tmp_path / "b.pdf", "words")
    bad, good = open_source(str(tmp_path))
    assert isinstance(bad, DocumentError) and isinstance(good, Document)

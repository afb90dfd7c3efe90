"""Writes the pages of the reference that are written from the code: `make docs`."""

from tests.docs.written import PAGES, ROOT

if __name__ == "__main__":
    for name, page in PAGES.items():
        (ROOT / name).write_text(page())

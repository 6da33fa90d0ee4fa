"""Make the pictures of docs/report.md: `python -m tests.laboratory.photograph_report`; needs chromium.

The page is that of the recorded runs, in frames of 360, 768 and 1,280 pixels.
"""

import os
import tempfile
from pathlib import Path

from codeit_jax.laboratory.page import build_page
from tests.laboratory.browser import photograph
from tests.laboratory.make_golden_report import DATA, golden_report

DOCS = Path(__file__).parents[2] / "docs"
VIEWS = ((360, "gallery"), (768, "table2"), (1280, "figure13"))

if __name__ == "__main__":
    os.chdir(DATA)
    text = build_page(golden_report())
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        page.write_text(text, encoding="utf-8")
        for name, dark in (("report", False), ("report_dark", True)):
            photograph(page, VIEWS, 1000, DOCS / f"{name}.png", dark=dark)

"""The whole report: its sections, the same bytes each time, and what a browser makes of it."""

import html as escaping
import http.server
import re
import shutil
import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from report_documents import rows_of, table_named
from sweep_folders import CELLS, key_of, write_sweep

from vidmask.report.comparison import compared
from vidmask.report.page import report, write_report
from vidmask.results import load

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
KILLED = "killed by signal 9 (SIGKILL): most often for want of memory"


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "masks"
    endings = {key_of(CELLS[3], 0): ("failed", KILLED), key_of(CELLS[2], 1): ("missing", None)}
    write_sweep(folder, seeds=(0, 1), endings=endings)
    return folder


@pytest.fixture(scope="module")
def page(sweep, tmp_path_factory):
    return write_report([sweep], tmp_path_factory.mktemp("page") / "report.html")[0]


def test_a_sweep_has_all_sections_in_order(sweep):
    document = report(compared(load(sweep)))
    assert document.title == "masks"
    assert [section.anchor for section in document.sections] == [
        *("top", "scores", "differences", "along-1", "curves", "convergence", "matched"),
        *("reconstructions", "skipped", "failures", "settings"),
    ]


def test_what_has_failed_stands_with_its_reason_and_log(sweep):
    sections = {section.anchor: section for section in report(compared(load(sweep))).sections}
    rows = rows_of(table_named(sections["failures"], "Runs without a result"))
    assert [(row["masking"], row["ratio"], row["seed"], row["status"]) for row in rows] == [
        ("tube", "0.75", "0", "failed"),
        ("tube", "0.5", "1", "missing"),
    ]
    assert (rows[0]["reason"], rows[0]["log"]) == (KILLED, "fit.log")


def test_the_same_runs_are_the_same_bytes(sweep, page, tmp_path):
    again = write_report([sweep], tmp_path / "report.html")
    for file in again:
        assert file.read_bytes() == page.with_suffix(file.suffix).read_bytes()


def test_runs_without_any_result_have_a_report(tmp_path):
    endings = {key_of(CELLS[0], 0): ("failed", "the loss is not finite at step 12")}
    write_sweep(tmp_path / "s", CELLS[:1], seeds=(0,), endings=endings)
    page, _, _ = write_report([tmp_path / "s"], tmp_path / "report.html")
    text = page.read_text(encoding="utf-8")
    assert "No run has a score yet." in text
    assert "the loss is not finite at step 12" in text


def test_no_place_of_this_machine_is_in_the_report(sweep, page):
    for suffix in (".html", ".md", ".csv"):
        assert str(sweep.parent) not in page.with_suffix(suffix).read_text(encoding="utf-8")


needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


def _chromium(*options, page, timeout=90):
    assert CHROMIUM is not None
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", *options]
    done = subprocess.run(
        [*command, page if "://" in page else f"file://{page}"],
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@needs_chromium
@pytest.mark.parametrize("width", [1280, 500])
def test_a_browser_shows_the_page(page, tmp_path, width):
    picture = tmp_path / "page.png"
    _chromium(f"--window-size={width},2000", f"--screenshot={picture}", page=str(page))
    pixels = np.asarray(Image.open(picture).convert("L"), dtype=float)
    assert pixels.shape == (2000, width)
    # Every part of the height has something on it, from the title to below the first plot.
    assert all(band.std() > 5 for band in np.array_split(pixels, 8))


@needs_chromium
def test_the_page_is_no_wider_than_a_phone_while_its_tables_are(page, tmp_path):
    script = (
        "addEventListener('load', () => document.documentElement.dataset.found = "
        "[document.documentElement.scrollWidth <= innerWidth, "
        "[...document.querySelectorAll('.scroll')].some((box) => box.scrollWidth > box.clientWidth)].join())"
    )
    found = _attribute(_with_script(page, tmp_path, script, width=500), "found")
    assert found == "true,true"


@needs_chromium
def test_a_click_sorts_a_table_and_a_second_one_turns_it_round(page, tmp_path):
    script = """
    addEventListener("load", () => {
      const table = document.querySelector("#scores table");
      const column = [...table.tHead.rows[0].cells].findIndex((cell) => cell.textContent === "mean");
      const heading = table.tHead.rows[0].cells[column];
      const seen = [];
      const note = () => seen.push([heading.getAttribute("aria-sort"),
        ...[...table.tBodies[0].rows].map((row) => row.cells[column].textContent)].join(" "));
      note();
      heading.querySelector("button").click(); note();
      heading.querySelector("button").click(); note();
      table.tHead.rows[0].cells[0].querySelector("button").click(); note();
      seen.push([...table.tBodies[0].rows].map((row) => row.cells[0].textContent).join(" "));
      document.documentElement.dataset.found = seen.join("|");
    });
    """
    start, down, up, other, names = _attribute(_with_script(page, tmp_path, script), "found").split("|")
    values = start.split()[1:]
    assert start.startswith("none ")
    assert len(set(values)) > 1
    assert down.split() == ["descending", *sorted(values, key=float, reverse=True)]
    assert up.split() == ["ascending", *sorted(values, key=float)]
    assert other.startswith("none ")
    assert names.split() == ["random", "random", "tube", "tube"]


@needs_chromium
def test_one_view_of_the_curves_is_shown_at_a_time(page, tmp_path):
    script = """
    addEventListener("load", () => {
      const views = [...document.querySelectorAll("#curves .view")];
      const shown = () => views.map((view) => view.offsetHeight > 0 ? 1 : 0).join("");
      const seen = [shown()];
      for (const label of document.querySelectorAll("#curves label")) { label.click(); seen.push(shown()); }
      document.documentElement.dataset.found = seen.join();
    });
    """
    found = _attribute(_with_script(page, tmp_path, script), "found")
    assert found == "1000,1000,0100,0010,0001"


@needs_chromium
def test_the_page_asks_for_nothing_else(page):
    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            super().do_GET()

        def __init__(self, *args):
            super().__init__(*args, directory=str(page.parent))

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        dom = _chromium("--dump-dom", page=f"http://127.0.0.1:{server.server_port}/{page.name}")
        server.shutdown()
    assert asked == [f"/{page.name}"]
    assert "<h1>masks</h1>" in dom


def _with_script(page: Path, folder: Path, script: str, width: int = 1280) -> str:
    """Return the document after the page, with a script beside its own, was loaded."""
    changed = folder / "with_script.html"
    text = page.read_text(encoding="utf-8")
    changed.write_text(text.replace("</body>", f"<script>{script}</script></body>"), encoding="utf-8")
    return _chromium("--dump-dom", f"--window-size={width},1000", page=str(changed))


def _attribute(dom: str, name: str) -> str:
    found = re.search(rf'<html[^>]* data-{name}="([^"]*)"', dom)
    assert found is not None, "the script has not come to its end"
    return escaping.unescape(found[1])

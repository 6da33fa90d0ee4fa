"""A page as headless chromium lays it out: measured in frames of given widths, or photographed.

The page stands in frames of a page of ours, whose script measures them: no driver, no port, nothing to install but the
browser itself.
"""

import html
import json
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")

_MEASURE = """
<!DOCTYPE html><meta charset="utf-8"><body style="margin:0">%(frames)s<pre id="measured"></pre><script>
function measure(frame) {
  const doc = frame.contentDocument, view = frame.contentWindow, wide = [];
  // Tasks out of sight are laid out too, and what is too wide isn't clipped.
  for (const article of doc.querySelectorAll('article')) article.style.contentVisibility = 'visible';
  // What scrolls in a box of its own may be wider than the page; what isn't in one may not.
  for (const element of doc.querySelectorAll('body *')) {
    const box = element.getBoundingClientRect();
    if (box.width && box.right > view.innerWidth + 1 && !element.closest('.scroll, pre'))
      wide.push(element.tagName + ' ' + (element.id || element.textContent.slice(0, 40)));
  }
  const torn = [...doc.querySelectorAll('.pair')].filter(pair => {
    const tops = [...pair.querySelectorAll('figure')].map(figure => figure.getBoundingClientRect().top);
    return Math.max(...tops) - Math.min(...tops) > 1;
  }).length;
  const texts = [...doc.querySelectorAll('.chart text')].filter(text => {
    const svg = text.ownerSVGElement.getBoundingClientRect(), box = text.getBoundingClientRect();
    return box.left < svg.left - 1 || box.right > svg.right + 1 || box.bottom > svg.bottom + 1;
  }).map(text => text.textContent);
  const style = view.getComputedStyle(doc.body), root = view.getComputedStyle(doc.documentElement);
  return {width: view.innerWidth, scroll_width: doc.documentElement.scrollWidth, wide: wide, torn: torn,
          cut_texts: texts, color: style.color, background: style.backgroundColor,
          links: [...doc.querySelectorAll('a')].filter(a => !doc.getElementById(a.hash.slice(1))).length,
          loaded: view.performance.getEntriesByType('resource').length};
}
window.onload = () => {
  const frames = [...document.querySelectorAll('iframe')];
  document.getElementById('measured').textContent = JSON.stringify(frames.map(measure));
};
</script>
"""


@dataclass(frozen=True)
class Layout:
    """How a page is laid out at one width: see the script for its fields."""

    width: int
    scroll_width: int
    wide: list[str]
    torn: int
    cut_texts: list[str]
    color: str
    background: str
    links: int
    loaded: int


def find_browser() -> str | None:
    """Return the path of a chromium, if there is one."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


def layouts(page: Path, widths: tuple[int, ...], folder: Path, *, dark: bool) -> list[Layout]:
    """Lay a page out at each width."""
    frames = "".join(
        f'<iframe src="{html.escape(page.absolute().as_uri())}" width="{width}" height="900" style="border:0"></iframe>'
        for width in widths
    )
    outer = folder / "measure.html"
    outer.write_text(_MEASURE % {"frames": frames}, encoding="utf-8")
    dumped = _run(folder, outer, dark, "--dump-dom")
    text = dumped.partition('<pre id="measured">')[2].partition("</pre>")[0]
    return [Layout(**row) for row in json.loads(html.unescape(text))]


def photograph(page: Path, views: Sequence[tuple[int, str]], height: int, file: Path, *, dark: bool) -> None:
    """Write a PNG of a page in frames side by side.

    Args:
        page: the page.
        views: width of each frame, and the anchor that it is scrolled to.
        height: of the frames.
        file: the PNG, at half the size.
        dark: whether the browser prefers dark pages.
    """
    frames = "".join(
        f'<iframe src="{html.escape(page.absolute().as_uri())}#{anchor}" width="{width}" height="{height}" '
        'style="border:1px solid #888;margin:0 12px"></iframe>'
        for width, anchor in views
    )
    with tempfile.TemporaryDirectory() as folder:
        outer = Path(folder) / "frames.html"
        outer.write_text(f'<body style="margin:12px 0;white-space:nowrap;background:#999">{frames}', encoding="utf-8")
        size = f"{sum(width + 30 for width, _ in views)},{height + 30}"
        options = (f"--window-size={size}", "--force-device-scale-factor=0.5", "--hide-scrollbars")
        _run(Path(folder), outer, dark, *options, f"--screenshot={file.absolute()}")


def _run(folder: Path, page: Path, dark: bool, *options: str) -> str:
    browser = find_browser()
    assert browser is not None, "no chromium"
    command = [
        # The sandbox needs more rights than a container has; the page is our own.
        *(browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
        *("--allow-file-access-from-files", f"--user-data-dir={folder / 'profile'}"),
        f"--blink-settings=preferredColorScheme={0 if dark else 1}",
        *options,
        page.absolute().as_uri(),
    ]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=240, check=True)
    return ended.stdout

"""Pictures of letters, taken by a headless Chromium: on a desk and on a phone, side by side."""

import html
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from stemtide_cli.errors import CliError
from stemtide_cli.mail_preview import Written

BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DESK_PX: Final = 680
PHONE_PX: Final = 375
GAP_PX: Final = 20
SECONDS: Final = 60
_FRAME: Final = (
    '<iframe sandbox="allow-same-origin" scrolling="no" width="{width}" height="{height}" '
    'srcdoc="{mail}"></iframe>'
)
_SHEET: Final = (
    '<!DOCTYPE html><meta charset="utf-8"><style>html{{background:#c9ced8}}body{{margin:{gap}px;display:flex;'
    "gap:{gap}px;align-items:flex-start;flex-wrap:wrap}}iframe{{border:0;background:#fff}}</style>{frames}"
)
_MEASURE: Final = (
    "<script>addEventListener('load',()=>{document.title=[...document.querySelectorAll('iframe')]"
    ".map(f=>f.contentDocument.body.scrollHeight).join(' ')})</script>"
)


def find_browser() -> str | None:
    """The path of an installed Chromium; None: there is none."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


def flags(folder: Path) -> list[str]:
    """How a Chromium is started that shows nothing, asks nobody by itself and keeps its files in `folder`."""
    # Its own sandbox does not start for root, as in containers; letters hold no scripts that could run
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    quiet = [
        "--headless=new",
        "--disable-gpu",
        "--hide-scrollbars",
        "--disable-dev-shm-usage",
        "--no-first-run",
    ]
    alone = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    return [*as_root, *quiet, *alone, f"--user-data-dir={folder / 'profile'}"]


def take_pictures(browser: str, letters: Sequence[Written], *, say: Callable[[str], None]) -> None:
    """A picture of each letter beside its HTML.

    Raises:
        CliError: the browser fails.
    """
    pages = [letter.html.read_text(encoding="utf-8") for letter in letters]
    with tempfile.TemporaryDirectory(prefix="stemtide-mails-") as name:
        folder = Path(name)
        heights = _heights(browser, pages, folder)
        for number, (letter, page) in enumerate(zip(letters, pages, strict=True)):
            desk, phone = heights[2 * number : 2 * number + 2]
            frames = _frame(page, DESK_PX, desk) + _frame(page, PHONE_PX, phone)
            size = (DESK_PX + PHONE_PX + 3 * GAP_PX, max(desk, phone) + 2 * GAP_PX)
            _screenshot(browser, frames, size, letter.picture, folder)
            say(f"picture {number + 1} of {len(letters)}")


def _heights(browser: str, pages: Sequence[str], folder: Path) -> list[int]:
    """How tall each page is on a desk and on a phone, all in one run."""
    frames = "".join(_frame(page, width, 100) for page in pages for width in (DESK_PX, PHONE_PX))
    sheet = _sheet(frames + _MEASURE, folder)
    dumped = _run(browser, ["--dump-dom", sheet.as_uri()], folder)
    title = re.search("<title>([0-9 ]+)</title>", dumped)
    heights = [int(one) for one in title[1].split()] if title else []
    if len(heights) != 2 * len(pages):
        raise CliError("the browser did not show every letter", hint="use --no-pictures")
    return heights


def _screenshot(browser: str, frames: str, size: tuple[int, int], picture: Path, folder: Path) -> None:
    sheet = _sheet(frames, folder)
    window = f"--window-size={size[0]},{size[1]}"
    _run(browser, [window, f"--screenshot={picture.resolve()}", sheet.as_uri()], folder)
    if not picture.exists():
        raise CliError(f"the browser did not write {picture}", hint="use --no-pictures")


def _frame(page: str, width: int, height: int) -> str:
    return _FRAME.format(width=width, height=height, mail=html.escape(page))


def _sheet(frames: str, folder: Path) -> Path:
    sheet = folder / "sheet.html"
    sheet.write_text(_SHEET.format(gap=GAP_PX, frames=frames), encoding="utf-8")
    return sheet


def _run(browser: str, arguments: Sequence[str], folder: Path) -> str:
    offline = "--host-resolver-rules=MAP * ~NOTFOUND"
    try:
        done = subprocess.run(  # noqa: S603 - a browser that was looked up, files of ours
            [browser, *flags(folder), offline, *arguments],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=True,
        )
    except (subprocess.SubprocessError, OSError) as error:
        raise CliError(f"{browser} failed: {error}", hint="use --no-pictures") from error
    return done.stdout

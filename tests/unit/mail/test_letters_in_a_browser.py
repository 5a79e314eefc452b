"""Letters with hostile values in a real browser: no script runs, nothing is loaded, nothing runs over."""

import json
import re
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from stemtide.mail.templates import TEMPLATES
from stemtide_cli.mail_pictures import find_browser, flags

from tests.letters import hostile_values, mail

BROWSER = find_browser()
PHONE_PX = 375
RAN = "/ran"
ATTACKS = {
    "script": f"<script>new Image().src='{RAN}'</script>",
    "image": f'"><img src="{RAN}" onerror="new Image().src=\'{RAN}\'">',
    "elsewhere": '<img src="http://evil.example/x"><link rel=stylesheet href=//evil.example/y>',
    "frame": f"<iframe srcdoc=\"<script>parent.document.title='{RAN}'</script>\"></iframe>",
    "long": "Wolfeschlegelsteinhausenbergerdorff" * 20,
    "wide": "\ufdfd\U00012031" * 40,
    "reversed": "\u202eAda\u2067 <svg onload=\"new Image().src='/ran'\">",
}
CONTROL = f"<script>new Image().src='{RAN}'</script><img src='http://evil.example/x'>"
WRAPPER = """<!DOCTYPE html><body>%s<script>addEventListener('load', () => {
document.title = JSON.stringify([...document.querySelectorAll('iframe')].map(
frame => [frame.id, frame.contentDocument.documentElement.scrollWidth, frame.contentDocument.title]));
})</script>"""

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium here: apt-get install chromium")


class Site:
    """Serves pages on loopback, is the browser's proxy for everywhere else, and remembers what was asked."""

    def __init__(self, pages: dict[str, str]) -> None:
        self.asked: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler(pages))
        self.address = f"127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self, pages: dict[str, str]) -> type[BaseHTTPRequestHandler]:
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append(self.path)
                body = pages.get(self.path.removeprefix(f"http://{site.address}"), "").encode()
                self.send_response(200 if body else 404)
                self.send_header("content-type", "text/html; charset=utf-8")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_CONNECT(self) -> None:
                site.asked.append(self.path)
                self.send_error(502)

            def log_message(self, *args: Any) -> None:
                """Nothing: what was asked is kept."""

        return Handler


def show(pages: dict[str, str], folder: Path) -> tuple[list[str], dict[str, tuple[int, str]]]:
    """What a browser asks for when it shows the pages side by side, and how wide each is and what its title
    says."""
    frames = "".join(f'<iframe id="{path}" width="{PHONE_PX}" src="{path}"></iframe>' for path in pages)
    site = Site({**pages, "/": WRAPPER % frames})
    proxy = [f"--proxy-server=http://{site.address}", "--proxy-bypass-list=<-loopback>"]
    assert BROWSER is not None
    try:
        done = subprocess.run(
            [BROWSER, *flags(folder), *proxy, "--dump-dom", f"http://{site.address}/"],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
    finally:
        site.stop()
    title = re.search(r"<title>(.*?)</title>", done.stdout, re.DOTALL)
    assert title is not None, done.stdout[:2000]
    measured = json.loads(title[1].replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">"))
    own = [path.removeprefix(f"http://{site.address}") for path in site.asked]
    return own, {path: (width, said) for path, width, said in measured}


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Three attacks on each letter, so that each attack is tried on several."""
    attacks = cycle(ATTACKS.items())
    pages = {
        f"/{template}/{attack}": mail(template, hostile_values(template, text), locale=locale).html
        for template in TEMPLATES
        for locale, (attack, text) in zip(("en", "de", "en"), attacks, strict=False)
    }
    return pages, *show(pages, tmp_path_factory.mktemp("browser"))


def test_the_browser_would_tell_of_a_script_and_of_a_picture_elsewhere(tmp_path: Path) -> None:
    asked, _ = show({"/control": CONTROL}, tmp_path)

    assert RAN in asked
    assert [path for path in asked if "evil.example" in path]


def test_no_letter_runs_a_script_or_loads_anything(shown: Any) -> None:
    pages, asked, measured = shown

    assert set(measured) == set(pages)
    assert set(pages) <= set(asked)
    assert RAN not in asked
    assert not [path for path in asked if "example" in path]
    assert not [path for path in asked if path.startswith("/") and path not in {"/", *pages, "/favicon.ico"}]
    assert not [said for _, said in measured.values() if RAN in said and "<" not in said]


def test_no_letter_is_wider_than_a_phone(shown: Any) -> None:
    _, _, measured = shown

    assert {path: width for path, (width, _) in measured.items() if width > PHONE_PX} == {}

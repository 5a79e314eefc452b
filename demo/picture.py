"""`python -m demo.picture FILE.svg`: the README's picture, drawn from the last run's `report.json`."""

import io
import json
import re
import sys
from datetime import date
from pathlib import Path

import msgspec
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console

from demo.__main__ import where_to_look
from demo.report import Report
from demo.settings import ROOT, Settings
from demo.show import WIDTH, show
from demo.stages import DONE, line

FONT = "DejaVu Sans Mono, Menlo, Consolas"
FORMAT = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.S).replace("Fira Code", FONT)
"""Rich's drawing without the fonts that it would fetch."""


def draw(report_file: Path, target: Path) -> None:
    """Draw the report as its run printed it."""
    data = json.loads(report_file.read_text())
    known = {name: value for name, value in data.items() if name in Report.__dataclass_fields__}
    report = msgspec.convert(known, Report)
    settings = Settings(seed=report.seed, keep=False, today=date.min, port=0)
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, highlight=False)
    console.print("[bold]$ make demo[/]")
    for name, title in report.titles.items():
        console.print(line(DONE, title, report.seconds[name]), highlight=False)
    show(console, report, where_to_look(settings, report))
    target.write_text(console.export_svg(title="make demo", code_format=FORMAT))


if __name__ == "__main__":
    draw(ROOT / "build" / "demo" / "report.json", Path(sys.argv[1]))

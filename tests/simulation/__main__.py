"""`python -m tests.simulation [stream|dunning] --seeds 0-999999 --jobs 2 --resume FILE --report FILE`."""

import argparse
import json
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tests.simulation.runner import State, load, report, run_all
from tests.simulation.simulations import SIMULATIONS


def main() -> int:
    """Run the seeds; 1 when any is wrong: what happened in the first of them is printed then."""
    options = _options()
    first, last = (int(part) for part in options.seeds.split("-"))
    console = Console()
    simulation = SIMULATIONS[options.subject]()
    state = load(simulation, options.resume, first, last)
    columns = TextColumn("seeds"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[wrong]} wrong")
    with Progress(*columns, TimeRemainingColumn(), console=console) as bar:
        task = bar.add_task("", total=last - first + 1, wrong=0)

        def told(state: State) -> None:
            bar.update(task, completed=state.total.seeds, wrong=len(state.total.wrong))

        told(state)

        run_all(simulation, state, jobs=options.jobs, path=options.resume, progress=told)
    found = report(state, jobs=options.jobs)
    if options.report is not None:
        options.report.parent.mkdir(parents=True, exist_ok=True)
        options.report.write_text(json.dumps(found, indent=1) + "\n")
    console.print(
        f"{found['seeds']:,} seeds, {found['wrong']} wrong, {simulation.size(found)}, "
        f"{found['seconds']} s; "
        f"{found['pairs_covered']} of {found['pairs']} pairs of faults"
    )
    wrong = state.total.wrong
    if wrong:
        console.print(f"seed {min(wrong)} is wrong:", markup=False)
        console.print(simulation.history(min(wrong)), markup=False, highlight=False, soft_wrap=True)
    return int(bool(wrong))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("subject", nargs="?", choices=list(SIMULATIONS), default="stream")
    parser.add_argument("--seeds", default="0-19999", metavar="A-B", help="first and last seed")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--resume", type=Path, metavar="FILE", help="where to keep what is done")
    parser.add_argument("--report", type=Path, metavar="FILE", help="JSON with what was covered")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())

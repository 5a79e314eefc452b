"""`make mutants`: cosmic-ray over the targets, in copies of the last commit; survivors are listed.

Each target works in a copy of its own under build/mutation, so the tree is never touched, and goes on where
it was interrupted as long as the commit is the same.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import TestOutcome, WorkerOutcome, WorkResult

from tests.mutation.targets import DOMAIN, EXCLUDED, TARGETS, Target

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "mutation"
WANTED = 0.9
FLAGS = ("core/ReplaceTrueWithFalse", "core/ReplaceFalseWithTrue")


def main() -> int:
    commit = _said("git", "rev-parse", "HEAD", cwd=ROOT).strip()
    names = sys.argv[1:] or list(TARGETS)
    with ThreadPoolExecutor(max_workers=2) as pool:
        reports = dict(
            zip(names, pool.map(lambda name: _run(name, TARGETS[name], commit), names), strict=True)
        )
    for name, report in reports.items():
        print(f"{name}: {report['killed']} of {report['mutants']} killed ({report['share']:.1%})")
        for survivor in report["survivors"]:
            print(f"  {survivor['place']}  {survivor['operator']}", "(time-out)" * survivor["timeout"])
    (BUILD / "report.json").write_text(json.dumps({"commit": commit, **reports}, indent=1) + "\n")
    return 0 if all(report["share"] >= WANTED for report in reports.values()) else 1


def _run(name: str, target: Target, commit: str) -> dict[str, Any]:
    copy = BUILD / f"{name}-{commit[:12]}"
    session = copy / "session.sqlite"
    paths = f"{copy}/{DOMAIN.rpartition('/')[0]}:{copy}/cli:{copy}"
    env = {**os.environ, "PYTHONPATH": paths, "OPENBLAS_NUM_THREADS": "1"}
    for variable in ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX"):
        env.pop(variable, None)  # the copy keeps what it compiles, and of mutants nothing
    copy.mkdir(parents=True, exist_ok=True)
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, capture_output=True)
    subprocess.run(["tar", "-x", "-C", str(copy)], input=archive.stdout, check=True)  # no mutant is left over
    if not session.exists():
        (copy / "mutants.toml").write_text(_settings(target))
        _said(_bin("cosmic-ray"), "init", "mutants.toml", str(session), cwd=copy, env=env)
        _said(_bin("cr-filter-operators"), str(session), "mutants.toml", cwd=copy, env=env)
        _leave_out(session, copy, target)
    _said(sys.executable, "-m", "tests.mutation.forked", str(session), *target.tests, cwd=copy, env=env)
    return _report(session, copy, target.package)


def _leave_out(session: Path, copy: Path, target: Target) -> None:
    """Skip the flags of classes (frozen, slots, kw_only, gc), which say how Python keeps a value, and the
    functions that are no part of the target."""
    with use_db(str(session), WorkDB.Mode.open) as database:
        for item in database.pending_work_items:
            [spec] = item.mutations
            line = (copy / spec.module_path).read_text().splitlines()[spec.start_pos[0] - 1]
            parts = target.parts.get(str(spec.module_path.relative_to(target.package)))
            output = None
            if spec.operator_name in FLAGS and line.startswith(("class ", "@dataclass")):
                output = "a flag of a declaration"
            elif parts is not None and spec.definition_name not in parts:
                output = "no part of the target"
            if output is not None:
                skipped = WorkResult(worker_outcome=WorkerOutcome.SKIPPED, output=output)
                database.set_result(item.job_id, skipped)


def _settings(target: Target) -> str:
    modules = ", ".join(f'"{target.path(module)}"' for module in target.modules)
    excluded = ", ".join(f'"{operator}"' for operator in EXCLUDED)
    return (
        f"[cosmic-ray]\nmodule-path = [{modules}]\ntimeout = 1\nexcluded-modules = []\n"
        'test-command = ""\n[cosmic-ray.distributor]\nname = "local"\n'
        f"[cosmic-ray.filters.operators-filter]\nexclude-operators = [{excluded}]\n"
    )


def _report(session: Path, copy: Path, package: str) -> dict[str, Any]:
    database = WorkDB(str(session), WorkDB.Mode.open)
    specs = {item.job_id: item.mutations[0] for item in database.work_items}
    outcomes: Counter[str] = Counter()
    survivors = []
    for job, result in database.results:
        if result.worker_outcome == WorkerOutcome.SKIPPED:
            continue
        timeout = result.output == "timeout"
        killed = result.test_outcome == TestOutcome.KILLED and not timeout
        outcomes["killed" if killed else "survived"] += 1
        if not killed:
            spec = specs[job]
            line = (copy / spec.module_path).read_text().splitlines()[spec.start_pos[0] - 1].strip()
            place = f"{Path(spec.module_path).relative_to(package)}:{spec.start_pos[0]}: {line}"
            survivors.append({"place": place, "operator": spec.operator_name, "timeout": timeout})
    total = outcomes.total()
    return {
        "mutants": total,
        "killed": outcomes["killed"],
        "share": outcomes["killed"] / total if total else 0.0,
        "survivors": sorted(survivors, key=lambda one: str(one["place"])),
    }


def _bin(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def _said(*command: str, cwd: Path, env: dict[str, str] | None = None) -> str:
    answer = subprocess.run(list(command), cwd=cwd, env=env, check=False, capture_output=True, text=True)
    if answer.returncode:
        raise SystemExit(f"{' '.join(command[:4])} … failed:\n{answer.stdout[-4000:]}{answer.stderr[-2000:]}")
    return answer.stdout


if __name__ == "__main__":
    sys.exit(main())

"""A run over every account, step by step: plan → extract → gate → score → flag → summary.

The state machine calls the steps that are here, and the scorer for the two maps between them. What one step
answers is what the next one is given; everything larger lies in the run's log.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from stemtide import quality_gate, sweep_log
from stemtide.as_of import as_of_text, parse_as_of
from stemtide.at_risk import at_risk_list
from stemtide.calls import DAY_MS
from stemtide.config_sweep import Check, Sweep
from stemtide.extraction import peer_table
from stemtide.quality_gate import CheckResult, Night, Outcome, checks_named
from stemtide.scoring.assessment import RULES_VERSION
from stemtide.sweep import (
    NIGHT_BEFORE_DAYS,
    NIGHTS_AT_MOST,
    SCORED,
    SWEPT,
    Begun,
    as_of_of,
    cause_of,
    claim_nights,
    extracted,
    numbers_of,
    plan,
    to_score,
    totals,
    version_of_night,
)
from stemtide.sweep_log import Stage
from stemtide.sweep_ports import SweepPorts

Planned = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRun:
    """The steps."""

    ports: SweepPorts
    config: Sweep

    def plan(self, run: str, asked: Mapping[str, Any]) -> Planned:
        """Which nights, which accounts, by which versions.

        Args:
            run: the execution's name.
            asked: `as_of` (by hand) or `scheduled_at` (the schedule), `ignore_gates`.

        Raises:
            ValueError: no such instant or check.
        """
        began, ports = self.ports.now_ms(), self.ports
        ignored = checks_named(asked.get("ignore_gates", ()))
        claimed: dict[str, datetime] = {}
        if "as_of" in asked:
            versions = {as_of_text(parse_as_of(asked["as_of"])): ports.champion()}
        else:
            claimed, versions = self._scheduled(run, datetime.fromisoformat(asked["scheduled_at"]))
        found = plan(
            ports.accounts() if versions else [], versions=versions, run=run, challenger=ports.challenger()
        )
        if versions:
            about = {"nights": list(versions), "accounts": found.accounts, "batches": len(found.batches)}
            asked_for = {"ignored_gates": list(ignored)} if ignored else {}
            versions_said = {"model_version": found.model or RULES_VERSION}
            if (refused := ports.refused()) is not None:
                versions_said["refused_model"] = refused
            ports.log.note(
                run, {**about, **versions_said, **asked_for, "planned_ms": began, "state": "running"}
            )
        planned: Planned = {
            "run": run,
            "nights": list(versions),
            "versions": dict(versions),
            "accounts": found.accounts,
            "batches": len(found.batches),
            "model_version": found.model,
            "challenger": found.batches[0]["challenger"] if found.batches else None,
            "bucket": ports.log.bucket,
            "key": ports.log.put_items(run, "extract", found.batches) if found.batches else "",
            "claimed": {night: slot.isoformat() for night, slot in claimed.items()},
            "scheduled_at": asked.get("scheduled_at"),
            "ignored": list(ignored),
            "stage_began_ms": ports.now_ms(),
            "stages": [],
            "passed": list(versions),
        }
        if versions and not found.batches:  # nobody is listed, which the gate must know of, too
            return planned | self.finish(self.gate(planned)) | {"key": ""}
        return planned | {"unmet": 0}

    def _scheduled(self, run: str, scheduled: datetime) -> tuple[dict[str, datetime], dict[str, str | None]]:
        """The nights that a firing answers for, each with its slot and its version.

        One that is scored already, by hand for instance, is done; one that a run by hand has left half-way
        is not, though its slot may be.
        """
        ports, claimed, versions = self.ports, {}, {}
        slots = ports.slots(run)
        for slot in claim_nights(slots, scheduled=scheduled):
            night = as_of_of(slot)
            row = ports.nights.read(night)
            if row is not None and row.get("state") == SCORED:
                slots.finish(slot, as_of=scheduled)
                continue
            claimed[night] = slot
            versions[night] = version_of_night(row, champion=ports.champion(), usable=ports.usable)
        for night in ports.nights.unfinished(latest=NIGHTS_AT_MOST) if versions else []:
            if night not in versions:
                row = ports.nights.read(night)
                versions[night] = version_of_night(row, champion=ports.champion(), usable=ports.usable)
        return claimed, dict(sorted(versions.items()))

    def gate(self, planned: Planned) -> Planned:
        """Judge what was extracted; `key` names the batches to score: empty, none of the nights may be."""
        began, run = self.ports.now_ms(), planned["run"]
        rows = self.ports.log.batches(run, "extract")
        lag_ms = self.ports.lag_ms()
        nights = [self._night(planned, night, rows, lag_ms) for night in planned["nights"]]
        results = quality_gate.judge(
            nights, self.config, ignored=[Check(name) for name in planned["ignored"]]
        )
        passed = [one.night for one in nights if quality_gate.may_be_scored(results, one.night)]
        marks = {night: quality_gate.marks_of(results, night) for night in passed}
        for one in passed:
            self._put_peers(planned, one, rows)
        tripped = sum(result.outcome is Outcome.FAILED for result in results)
        self.ports.metric(quality_gate.TRIPPED, tripped)
        begun = {night: self._begin(planned, night) for night in passed}
        for night in planned["nights"]:
            if night not in passed:
                cause = quality_gate.cause_of(_of(results, night))
                self.ports.nights.abort(night, run=run, cause=cause)
        items = to_score(planned, rows=rows, marks=marks, begun=begun)
        stages = [
            sweep_log.of_extraction(
                [night.extracted for night in nights],
                started_ms=planned["stage_began_ms"],
                ended_ms=began,
            ),
            sweep_log.of_gate(results, started_ms=began, ended_ms=self.ports.now_ms()),
            *([] if items else sweep_log.not_run((sweep_log.SCORE, sweep_log.FLAG), at_ms=began)),
        ]
        return self._went_on(
            planned,
            stages,
            key=self.ports.log.put_items(run, "score", items) if items else "",
            passed=passed,
            marks={night: list(said) for night, said in marks.items() if said},
            customers={one.night: one.extracted.customers for one in nights},
            tripped=tripped,
            gate_cause=quality_gate.cause_of(results) if tripped else "",
        )

    def _begin(self, planned: Planned, night: str) -> Begun:
        """From here on the night rests on this version."""
        version, now_ms = planned["versions"][night], self.ports.now_ms()
        shadow = self.ports.in_shadow(version)
        return self.ports.nights.begin(
            night, run=planned["run"], version=version, shadow=shadow, now_ms=now_ms
        )

    def _put_peers(self, planned: Planned, night: str, rows: Mapping[int, Mapping[str, Any]]) -> None:
        """Keep who a night's customers are compared with: all of them."""
        numbers = numbers_of(planned["nights"], night, planned["accounts"])
        parts = self.ports.log.read_peers(
            planned["run"], [number for number in numbers if number in rows], self.ports.side_by_side
        )
        self.ports.put_peers(parse_as_of(night), peer_table(parts))

    def flag(self, planned: Planned) -> Planned:
        """Keep who is at risk as of each night that was scored, against the night before it."""
        began, run = self.ports.now_ms(), planned["run"]
        rows = self.ports.log.batches(run, "score")
        counted, flagged = self._totals(planned, rows), {}
        for night in planned["passed"]:
            flagged[night] = self._flag(planned, night, rows)
        scored = sweep_log.of_scoring(
            counted,
            planned["model_version"] or RULES_VERSION,
            started_ms=planned["stage_began_ms"],
            ended_ms=began,
        )
        newest = flagged[max(flagged)] if flagged else {}
        flags = sweep_log.of_flags(newest, started_ms=began, ended_ms=self.ports.now_ms())
        return self._went_on(planned, [scored, flags], flagged=flagged)

    def _flag(self, planned: Planned, night: str, rows: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
        run, log = planned["run"], self.ports.log
        numbers = numbers_of(planned["nights"], night, planned["accounts"])
        kept = [f"{number:06d}" for number in numbers if rows.get(number, {}).get("at_risk")]
        parts = log.read_lists(run, kept, self.ports.side_by_side)
        previous = self._list_before(planned, night)
        found = at_risk_list(
            ((str(account), int(score)) for part in parts for account, score in part),
            as_of=night,
            model_version=planned["versions"][night] or RULES_VERSION,
            previous=previous,
        )
        key = log.put_list(run, night[:10], msgspec.to_builtins(found))
        facts = {"at_risk": len(found.accounts), "list_key": key}
        self.ports.nights.note(night, run=run, facts=facts)
        return {
            **facts,
            "new": None if found.new is None else len(found.new),
            "gone": None if found.gone is None else len(found.gone),
        }

    def _list_before(self, planned: Planned, night: str) -> Any | None:
        """The list of the last night before this one, be it of this run."""
        earlier = [one for one in planned["passed"] if one < night]
        if earlier:
            row = self.ports.nights.read(max(earlier))
        else:
            row = next(iter(self.ports.nights.before(night, state=SCORED, limit=1)), None)
        if row is None or "list_key" not in row:
            return None
        days = (parse_as_of(night) - parse_as_of(str(row["sk"]))) / DAY_MS
        return self.ports.log.read_list(row["list_key"]) if days <= NIGHT_BEFORE_DAYS else None

    def finish(self, planned: Planned) -> Planned:
        """Note what became of the run and its nights; a night that is not done stays to be caught up."""
        run, now_ms = planned["run"], self.ports.now_ms()
        rows = self.ports.log.batches(run, "score")
        counted = self._totals(planned, rows)
        tripped = planned.get("tripped", 0)
        cause = cause_of(
            counted["failed"],
            given_up=counted["given_up"],
            first=self._first_failed(planned),
            taken_over=next((str(row["taken_over"]) for row in rows.values() if "taken_over" in row), None),
        )
        state = "succeeded" if cause is None else "failed"
        if tripped:
            state = "failed" if planned["passed"] else "aborted"
            cause = "; ".join(filter(None, [planned["gate_cause"], cause]))
        for night in [] if counted["given_up"] else planned["passed"]:
            facts = {"state": SCORED, "customers": planned.get("customers", {}).get(night, 0)}
            self.ports.nights.note(night, run=run, facts=facts)
            if night in planned["claimed"]:
                slot, scheduled = planned["claimed"][night], planned["scheduled_at"]
                self.ports.slots(run).finish(
                    datetime.fromisoformat(slot), as_of=datetime.fromisoformat(scheduled)
                )
        at_risk = {night: found["at_risk"] for night, found in planned.get("flagged", {}).items()}
        facts = {**counted, "state": state, "ended_ms": now_ms, **({"cause": cause} if cause else {})}
        if at_risk:
            facts["at_risk"] = at_risk[max(at_risk)]
        self.ports.log.note(run, facts)
        if planned["passed"]:
            self.ports.metric(SWEPT, planned["accounts"])
            self.ports.metric("ScoredAccounts", counted["scored"])
        return {
            "run": run,
            "nights": planned["nights"],
            "accounts": planned["accounts"],
            "model_version": planned["model_version"],
            **counted,
            "state": state,
            "unmet": counted["failed"] + tripped,
            "cause": cause or "",
        }

    def fail(self, planned: Planned, error: Mapping[str, Any]) -> dict[str, Any]:
        """Note that a map came to no end; its nights are caught up."""
        cause = f"{error.get('Error')}: {error.get('Cause')}"[:2000]
        self.ports.log.note(planned["run"], {"state": "failed", "cause": cause})
        return {"run": planned["run"], "cause": cause}

    def _night(
        self, planned: Planned, night: str, rows: Mapping[int, Mapping[str, Any]], lag_ms: int
    ) -> Night:
        as_of_ms = parse_as_of(night)
        before = self.ports.nights.before(night, state=SCORED, limit=self.config.account_count.recent_nights)
        return Night(
            night=night,
            as_of_ms=as_of_ms,
            extracted=extracted(rows, numbers_of(planned["nights"], night, planned["accounts"])),
            events=self.ports.events(as_of_ms),
            lag_ms=lag_ms,
            customers_before=[int(row["customers"]) for row in before if "customers" in row],
        )

    def _totals(self, planned: Planned, rows: Mapping[int, Mapping[str, Any]]) -> dict[str, int]:
        """Over the nights that passed the gate; a batch that left no answer was given up."""
        sizes: dict[int, int] = {}
        for night in planned["passed"]:
            sizes |= numbers_of(planned["nights"], night, planned["accounts"])
        unread = self.ports.log.batches(planned["run"], "extract")
        return totals(
            (rows[number] for number in sizes if number in rows),
            lost=[size for number, size in sizes.items() if number not in rows],
            unread=sum(int(unread[number]["failed"]) for number in sizes if number in rows),
        )

    def _first_failed(self, planned: Planned) -> str | None:
        for step in ("extract", "score"):
            rows = self.ports.log.batches(planned["run"], step)
            name = "first_failed" if step == "extract" else "first"
            found = next((str(rows[n][name]) for n in sorted(rows) if rows[n].get(name)), None)
            if found is not None:
                return found
        return None

    def _went_on(self, planned: Planned, stages: Sequence[Stage], **more: Any) -> Planned:
        """The plan for the next step, with the stages that have ended, which the run's row gets, too."""
        all_stages = [*planned["stages"], *msgspec.to_builtins(stages)]
        self.ports.log.note(planned["run"], {"stages": msgspec.json.encode(all_stages).decode()})
        return {**planned, **more, "stages": all_stages, "stage_began_ms": self.ports.now_ms()}


def _of(results: Iterable[CheckResult], night: str) -> list[CheckResult]:
    return [one for one in results if one.night == night]

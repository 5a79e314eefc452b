"""A backfill from its files to its result: everything put together, one step after the other."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import duckdb
from stemtide.store.account_list import list_accounts
from stemtide.store.assembly import usage_caps
from stemtide.store.backfill_items import BackfillItems
from stemtide.store.history_objects import HistoryObjects
from stemtide.store.pace import Threads
from stemtide.store.records import Records

from stemtide_cli import backfill_counting, backfill_days, backfill_sections, backfill_stage, resuming
from stemtide_cli.backfill_archive import Archive
from stemtide_cli.backfill_cutovers import Cutovers, refuse_losses
from stemtide_cli.backfill_days import Days
from stemtide_cli.backfill_facts import FactWriter, Told
from stemtide_cli.backfill_finished import clear, finish, finished, generation
from stemtide_cli.backfill_outcome import Asked, Done
from stemtide_cli.backfill_planning import Planner
from stemtide_cli.backfill_quarters import loaded_days, note_quarters, standing_for_all
from stemtide_cli.backfill_result import shown
from stemtide_cli.backfill_run import Backfill
from stemtide_cli.backfill_settling import Settling, idle
from stemtide_cli.backfill_sources import Sources, find_sources
from stemtide_cli.backfill_stage import Stage
from stemtide_cli.backfill_writing import Patience, Patient, Writer
from stemtide_cli.facts_log import Facts
from stemtide_cli.mapping import Mapping
from stemtide_cli.model_options import configuration
from stemtide_cli.recompute import run_recompute
from stemtide_cli.stack import Stack

THREADS: Final = 8
"""Requests in flight at a time: as many as a client's connections."""
DAY_S: Final = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """Runs backfills of one mapping into one stack; `home` keeps what a later run goes on from."""

    stack: Stack
    home: Path
    mapping: Mapping
    mapping_path: Path
    say: Callable[[str], None]

    def run(self, data: Sequence[str], asked: Asked, progress: Callable[[str], None]) -> Done:
        """From the files to the tables.

        Raises:
            CliError: what the data, the mapping or the tables lack.
        """
        sources = find_sources(data, self.mapping, self.mapping_path, self.stack.client)
        if sources.ignored:
            self.say(f"{len(sources.ignored):,} files are ignored: {shown(sources.ignored)}")
        first = self.home / self._key(sources, asked, {})
        tables = self._tables(first.name, asked)
        if (known := finished(first, tables, asked)) is not None:
            return replace(known, ignored=sources.ignored)
        folders, reach_ms = [first], None
        stops: dict[str, int] = {}
        while True:
            with backfill_stage.opened(
                folders[-1],
                stop_us=asked.stop_us,
                now_ms=asked.now_ms,
                stops=stops,
                is_comment=configuration().events.commenting(),
            ) as stage:
                resumed = self._count(sources, stage, progress, is_whole=not stops)
                reach_ms = asked.reach_ms(stage.totals()) if reach_ms is None else reach_ms
                work = self._backfill(asked, stage, tables, progress, reach_ms=reach_ms)
                further = work.further_stops(stops)
                if further is None:
                    if not asked.discard:
                        refuse_losses(work.cutovers, reach_ms)
                    done = self._write(sources, asked, stage, work, progress, resumed=resumed)
                    is_over = done.is_complete or (asked.dry_run and not work.has_begun)
                    break
            self.say(f"{len(further):,} accounts keep a cutover within a day: counting up to it")
            stops = further
            folders.append(self.home / self._key(sources, asked, stops))
        if done.is_complete:
            finish(first, tables, done)
        for folder in folders if is_over else ():
            clear(folder)
        return done

    def _count(
        self, sources: Sources, stage: Stage, progress: Callable[[str], None], *, is_whole: bool
    ) -> bool:
        """Count what is not in yet, and look at the whole log; whether there was something in."""
        events, path = self.mapping.events, self.mapping_path
        counted = backfill_counting.count(
            sources,
            stage,
            events=events,
            mapping_path=path,
            client_of=self.stack.client,
            progress=progress,
        )
        if is_whole:
            backfill_counting.check(stage, events=events, mapping_path=path, say=self.say)
        return counted

    def _tables(self, run: str, asked: Asked) -> str:
        known = incarnation(self.stack.client("dynamodb"), self.stack.tables)
        return generation(self.home, known, run, replaces=asked.replace and not asked.dry_run)

    def _key(self, sources: Sources, asked: Asked, stops: dict[str, int]) -> str:
        """What a run can go on from: the same files, mapping and bounds, cut in the same way."""
        config = configuration()
        meaning = (
            backfill_stage.VERSION,
            duckdb.__version__,
            backfill_days.PART_ROWS,
            sources.identity,
            resuming.digest_of_facts(self.mapping, ()),
            asked.stop_us,
            sorted(stops.items()),
            config.ingest.max_event_types,
            config.events.comments,
        )
        return hashlib.sha256(repr(meaning).encode()).hexdigest()[:16]

    def _write(
        self,
        sources: Sources,
        asked: Asked,
        stage: Stage,
        work: Backfill,
        progress: Callable[[str], None],
        *,
        resumed: bool,
    ) -> Done:
        counted, calls = work.days.before({account: cut.at_ms for account, cut in work.cutovers.items()})
        repaired, told, waiting = 0, Told(), []
        with backfill_sections.opened(
            sources,
            mapping=self.mapping,
            mapping_path=self.mapping_path,
            stage=stage,
            client_of=self.stack.client,
            say=self.say,
        ) as facts:
            if not asked.dry_run:
                work.keep_cutovers(asked.now_ms // 1000)
                known = self._last_days(work)  # before the log's own
                work.write_days()
                self._note_quarters(asked, stage, work, known)
                told = self._tell(facts, asked, stage, work, progress)
                repaired = work.check()
                waiting = self._archive(work, progress).settle(set(work.told.for_archive))
        rejected = stage.join_rejected()
        return Done(
            asked=asked,
            names=tuple(source.name for source in sources.events),
            ignored=sources.ignored,
            resumed=resumed,
            totals=stage.totals(),
            end_ms=work.end_ms,
            cutovers=dict(work.cutovers),
            days=counted,
            calls=calls,
            rejected=None if rejected is None else str(rejected),
            told=work.told,
            repaired=repaired,
            waiting=waiting,
            facts=told,
        )

    def _backfill(
        self, asked: Asked, stage: Stage, tables: str, progress: Callable[[str], None], *, reach_ms: int
    ) -> Backfill:
        config, patience = configuration(), Patience(say=self.say)
        threads, days = Threads(max_workers=THREADS), Days(connection=stage.connection.cursor())
        end_ms = asked.end_ms(stage.totals())
        client = self.stack.client("dynamodb", attempts=1)
        items = BackfillItems(client=client, table_name=self.stack.tables["usage"])
        keeper = Cutovers(items=items, patience=patience, side_by_side=threads)
        names = [account.name for account in days.accounts()]
        progress(f"asking for the cutovers of {len(names):,} accounts")
        planner = Planner(
            caps=usage_caps(config),
            expires_at=asked.now_ms // 1000 + config.ingest.usage_retention_days * DAY_S,
            again=asked.replace,
        )
        return Backfill(
            stage=stage,
            days=days,
            end_ms=end_ms,
            cutovers=keeper.decide(
                names,
                end_ms=end_ms,
                asked=asked.cutover_ms is not None,
                reach_ms=reach_ms if reach_ms < end_ms else None,
            ),
            writer=Writer(items=items, planner=planner, patience=patience, side_by_side=threads),
            keeper=keeper,
            records=Records(self.stack.table("accounts")),
            settling=Settling(is_idle=lambda: idle(self.stack)),
            tables=tables,
            progress=progress,
            history=Patient(
                history=HistoryObjects(
                    client=self.stack.client("s3", attempts=1), bucket=self.stack.buckets["archive"]
                ),
                patience=replace(patience, what="the archive bucket"),
            ),
        )

    def _last_days(self, work: Backfill) -> list[str | None]:
        """Of each known account the last day with usage."""
        accounts = self.stack.table("accounts")
        return work.writer.patience(lambda: [last for _, last in list_accounts(accounts)])

    def _note_quarters(self, asked: Asked, stage: Stage, work: Backfill, known: list[str | None]) -> None:
        """Note when there were events, unless parts of the log are not in."""
        if work.told.others:
            return
        cutovers = {account: cut.at_ms for account, cut in work.cutovers.items()}
        days = loaded_days(stage.connection.cursor(), cutovers)
        whole = standing_for_all(days, known)
        if len(whole) < len(days):
            self.say(f"{len(days) - len(whole):,} days have few of the accounts: they do not count as whole")
        note_quarters(
            whole, table=self.stack.table("ingest"), patience=work.writer.patience, now_ms=asked.now_ms
        )

    def _archive(self, work: Backfill, progress: Callable[[str], None]) -> Archive:
        return Archive(
            items=work.writer.items,
            patience=work.writer.patience,
            recompute=lambda given: run_recompute(self.stack, given, progress),
            say=self.say,
        )

    def _tell(
        self, facts: Facts, asked: Asked, stage: Stage, work: Backfill, progress: Callable[[str], None]
    ) -> Told:
        progress("reading subscriptions and accounts")
        writer = FactWriter(
            table=self.stack.table("accounts"),
            patience=work.writer.patience,
            side_by_side=work.writer.side_by_side,
            now_ms=stage.scope.now_ms,
        )
        stop = asked.until_ms
        return writer.write(facts, stage, stop_us=None if stop is None else stop * 1000)


def incarnation(client: Any, tables: Any) -> str:
    """What tells these tables from earlier ones of the same names."""
    found = [client.describe_table(TableName=tables[role])["Table"] for role in ("usage", "accounts")]
    known = repr([(table["TableArn"], str(table["CreationDateTime"])) for table in found])
    return hashlib.sha256(known.encode()).hexdigest()[:16]

"""The demo's stages in order. Each asserts what it promises: a run that ends has shown everything."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Final

from demo import today
from demo.customers import CUSTOMERS, Paying, names_of
from demo.journeys import Journeys, at_risk_of
from demo.program import Program
from demo.report import DRIVERS, RISKIEST, Drops, Model, Report, risk_of, tiers_of
from demo.settings import Settings, Size
from demo.stages import Say, StageError, Stages, wait_until
from demo.web import Web

UP_TIMEOUT_S: Final = 600
STEP_TIMEOUT_S: Final = 300
SCORE_TIMEOUT_S: Final = 120
MAPPING: Final = "simulated"


@dataclass(slots=True, kw_only=True)
class Story:
    """One run. What a stage finds, later ones use."""

    settings: Settings
    stages: Stages
    found: dict[str, Any] = field(default_factory=dict)

    @property
    def program(self) -> Program:
        return Program(self.settings.environment())

    @property
    def web(self) -> Web:
        return Web.of(self.settings.stack_file)

    def tell(self) -> Report:
        """All stages, then the report.

        Raises:
            StageError: something promised did not happen in time.
        """
        self.found["began"] = datetime.now(UTC)
        self.deploy()
        with Paying(self.web.facts) as paying:
            self.found["journeys"] = Journeys(self.web, paying)
            self._customers(paying)
            self.train()
            self._replay(paying)
            self._sweep()
            self._kept()
            self._drops()
            self._silence()
            self._collected()
            return self._report()

    def deploy(self) -> None:
        with self.stages.stage("cloud", "local cloud started, stacks deployed with cdk deploy") as say:
            self.program.local_cloud("up", timeout_s=UP_TIMEOUT_S, say=say)

    def train(self) -> None:
        settings = self.settings
        base, artefacts = settings.folder / "training", settings.folder / "models"
        size = f"{settings.training.accounts} customers, {settings.training.days} days"
        with self.stages.stage("simulate_training", f"an older base simulated: {size}") as say:
            self._simulate(base, "training", settings.training, settings.training_end, say)
        with self.stages.stage("train", "churn model trained on it, calibrated, exported") as say:
            arguments = ("--mapping", MAPPING, "--data", base, "--out", artefacts)
            self.found["model"] = self.run("train", "churn", *arguments, say=say)
        with self.stages.stage("promote", "model promoted: this stack scores with it") as say:
            self.run("promote", "churn", self.found["model"]["version"], "--from", artefacts, say=say)

    def _customers(self, paying: Paying) -> None:
        with self.stages.stage("renewals", f"{len(CUSTOMERS)} customers whose renewal fails") as say:
            paying.subscribe(say)

    def _kept(self) -> None:
        """Whoever has come to high or critical risk gets the play of the tier, unless held out."""
        journeys: Journeys = self.found["journeys"]
        at_risk = dict(at_risk_of(self.web.accounts()))
        with self.stages.stage("retention", f"{len(at_risk)} accounts at risk get their play") as say:
            self.found["kept"] = journeys.kept(at_risk, say)

    def _collected(self) -> None:
        """Dunning has run beside all of this; a day takes it seconds."""
        journeys: Journeys = self.found["journeys"]
        with self.stages.stage("dunning", "unpaid renewals collected, or given up and won back") as say:
            journeys.collected(say)

    def _replay(self, paying: Paying) -> None:
        settings = self.settings
        base = settings.folder / "live"
        size = f"{settings.live.accounts} customers, {settings.live.days} days"
        with self.stages.stage("simulate_live", f"the live base simulated: {size}") as say:
            self._simulate(base, "live", settings.live, settings.today, say)
        with self.stages.stage("replay", "its history replayed through the stream") as say:
            arguments = ("--mapping", MAPPING, "--data", base, "--until", settings.yesterday)
            self.found["replay"] = self.run("replay", *arguments, say=say)
        with self.stages.stage("contacts", "they are customers of the payment provider, too") as say:
            say(base.name)
            paying.known_as(names_of(base))
        with self.stages.stage("drain", "everything counted, the counters balance") as say:
            self.drain(say)

    def _sweep(self) -> None:
        yesterday = self.settings.yesterday
        with self.stages.stage("sweep", f"every customer scored, as of the end of {yesterday}") as say:
            swept = self.run("sweep", "--as-of", yesterday, say=say)
            if swept["failed"] or not swept["scored"]:
                raise StageError(f"the sweep scored {swept['scored']} accounts, {swept['failed']} failed")
            if swept["model_version"] != self.found["model"]["version"]:
                raise StageError(f"the sweep scored by {swept['model_version']}, not by the promoted model")

    def _drops(self) -> None:
        """Today's first records; whoever's API volume has fallen is scored without anybody asking."""
        rows = today.first_records(self.settings.folder / "live" / "events.parquet", self.settings.today)
        with self.stages.stage("today", f"today's first records of {len(rows)} accounts posted") as say:
            active = [row["account"] for row in rows]
            fallen = today.scored(self.web, today.fallen(self.web, active, self.settings.today, say))
            run = f"demo-{self.settings.seed}-{self.settings.today}"
            sent = today.post_each(self.web, rows, run=run, say=say)
        with self.stages.stage("drops", f"{len(fallen)} accounts with fallen API volume scored anew") as say:
            seconds = self.rescored({account: sent[account] for account in fallen}, say)
        self.found["drops"] = Drops(
            fallen=len(fallen),
            rescored=len(seconds),
            p50_s=round(today.percentile(seconds, 0.5), 2) if seconds else None,
            p95_s=round(today.percentile(seconds, 0.95), 2) if seconds else None,
        )
        self.found["active"] = set(active)

    def _silence(self) -> None:
        """The hourly check, run now; whoever it must find is scored, also if the hour found them before."""
        with self.stages.stage("silence", "silent accounts found by the hourly check, and scored") as say:
            self.drain(say)
            names = [record["account"] for record in self.web.accounts()]
            quiet = [name for name in names if name not in self.found["active"]]
            expected = today.fallen(self.web, quiet, self.settings.today, say, silent=True)
            found = self.run("detect", say=say)
            silent = {drop["account"] for drop in found["drops"]} | set(expected)
            customers = today.scored(self.web, sorted(silent))
            self.rescored(dict.fromkeys(customers, self.found["began"]), say)
            self.found["silent"] = today.scored(self.web, customers)

    def _report(self) -> Report:
        with self.stages.stage("report", "figures read back through the HTTP API") as say:
            records = list(self.web.accounts())
            say(f"{len(records)} accounts")
            tiers, unscored = tiers_of(records)
            scored = [record for record in records if record.get("churn_probability") is not None]
            scored.sort(key=by_risk)  # those whom the model scores: of the newest, rules do
            riskiest = [risk_of(self.web.account(record["account"])) for record in scored[:RISKIEST]]
            counters = self.web.counters()
            replayed, journeys = self.found["replay"], self.found["journeys"]
            report = Report(
                seed=self.settings.seed,
                accounts=len(records),
                days=self.settings.live.days,
                rows=replayed["total_sent"],
                events=sum(day["events"] for day in self._all_days(records, say)),
                counters=counters,
                tiers=tiers,
                unscored=unscored,
                model=_model(self.found["model"]),
                riskiest=riskiest,
                drops=self.found["drops"],
                silent=[self._name(account) for account in self.found["silent"]],
                collected=journeys.sums(),
                endings=journeys.endings(),
                kept=self.found["kept"],
                story=journeys.story(),
            )
            check(report)
        return report

    def _all_days(self, records: list[dict[str, Any]], say: Say) -> Iterator[dict[str, Any]]:
        first = date.fromordinal(self.settings.today.toordinal() - self.settings.live.days + 1)
        for record in records:
            say(f"usage of {record['account']}")
            yield from self.web.usage(record["account"], first, self.settings.today)

    def _name(self, account: str) -> str:
        return str((self.web.account(account).get("profile") or {}).get("name") or account)

    def rescored(self, sent: dict[str, datetime], say: Say) -> list[float]:
        """Wait until every account has a score that a drop caused after that instant; the seconds it took."""
        seconds: dict[str, float] = {}
        web = self.web

        def missing() -> str | None:
            for account in sent.keys() - seconds.keys():
                if (took := today.rescored(web.account(account), sent[account])) is not None:
                    seconds[account] = took
            left = sorted(sent.keys() - seconds.keys())
            return f"a new score of {', '.join(left[:5])} ({len(left)} of {len(sent)})" if left else None

        wait_until(missing, timeout_s=SCORE_TIMEOUT_S, say=say)
        return list(seconds.values())

    def drain(self, say: Say) -> None:
        drained = self.run("drain", "--timeout", STEP_TIMEOUT_S, say=say)
        if not (drained["drained"] and drained["balanced"]):
            raise StageError(f"stuck or unbalanced: {drained['stuck'] or drained['unbalanced']}")

    def _simulate(self, folder: Any, stream: str, size: Size, end: date, say: Say) -> None:
        seed = self.settings.seed_of(stream)
        arguments = ("--accounts", size.accounts, "--days", size.days, "--end", end)
        self.run("simulate", "--out", folder, "--seed", seed, *arguments, say=say)

    def run(self, *arguments: object, say: Say) -> dict[str, Any]:
        return self.program.stemtide(*arguments, timeout_s=STEP_TIMEOUT_S + 30, say=say)


def by_risk(record: Mapping[str, Any]) -> tuple[float, float, str]:
    """The riskiest first; of one score the likelier to leave."""
    return -record["churn_risk_score"], -(record["churn_probability"] or 0.0), record["account"]


def _model(trained: dict[str, Any]) -> Model:
    metrics = trained["metrics"]
    return Model(
        version=trained["version"],
        auc=metrics["auc_roc"],
        auc_low=metrics["auc_roc_ci"][0],
        auc_high=metrics["auc_roc_ci"][1],
        positives=metrics["positives_test"],
        rows=metrics["n_test"],
    )


def check(report: Report) -> None:
    """Raises StageError unless the report shows everything that the demo promises."""
    wrong = []
    if not report.balanced:
        wrong.append(f"the counters do not balance: {dict(report.counters)}")
    if not sum(report.tiers.values()):
        wrong.append("no account has a score")
    for risk in report.riskiest:
        if risk.probability is None or len(risk.drivers) < DRIVERS:
            wrong.append(f"{risk.account} has no probability or fewer than {DRIVERS} drivers: {risk}")
    if report.drops.rescored < report.drops.fallen:
        wrong.append("an account whose volume fell has no new score")
    if not report.collected.recovered:
        wrong.append("no failed renewal was collected")
    if not any(one.win_back == "reactivated" for one in report.endings):
        wrong.append("no customer came back")
    if not report.kept.mails + report.kept.tasks:
        wrong.append("nothing was done about the accounts at risk")
    if wrong:
        raise StageError("; ".join(wrong))

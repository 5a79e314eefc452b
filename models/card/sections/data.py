"""What the model learnt from and was tested on, and which rows were left out."""

from models.card.document import Paragraph, Section, Table
from models.card.formats import count, number, percent, plural, share
from models.card.subject import Subject


def data(subject: Subject) -> Section:
    """Window, rows, positives, what was left out, survivorship."""
    return Section(
        key="data",
        title="Data",
        blocks=(
            Paragraph(
                "A row is an account at the end of a UTC day, the snapshot; what happens in the"
                f" {plural(subject.horizon_days, 'day')} after it is what is predicted. Only what was"
                " known at the snapshot is used. Rows are divided by time, never at random."
            ),
            _rows(subject),
            _left_out(subject),
            Paragraph(_survivorship(subject)),
            *(_without_leavers(subject)),
        ),
    )


def _rows(subject: Subject) -> Table:
    rows = subject.evidence.rows
    columns: tuple[str, ...] = ("", "fitted (measured recipe)" if subject.is_recipe else "fitted", "tested")
    body: tuple[tuple[str, ...], ...] = (
        ("first snapshot", rows.first_fit_snapshot or "none", rows.first_test_snapshot or "none"),
        ("last snapshot", rows.last_fit_snapshot or "none", rows.last_test_snapshot or "none"),
        ("rows", count(rows.fit), count(rows.test)),
        ("positives", count(rows.fit_positives), count(rows.test_positives)),
        (
            subject.words.rate,
            percent(share(rows.fit_positives, rows.fit)),
            percent(share(rows.test_positives, rows.test)),
        ),
        ("accounts", count(rows.fit_accounts), count(rows.test_accounts)),
    )
    if subject.is_recipe and subject.manifest is not None:
        whole = subject.manifest.data
        columns = (*columns, "this version, fitted to all")
        extra = (
            str(whole.get("first_snapshot", "none")),
            str(whole.get("last_snapshot", "none")),
            count(whole.get("rows")),
            count(whole.get("positives")),
            percent(subject.manifest.base_rate),
            count(whole.get("accounts")),
        )
        body = tuple((*row, more) for row, more in zip(body, extra, strict=True))
    return Table(title="Rows", columns=columns, rows=body)


def _left_out(subject: Subject) -> Table:
    rows = subject.evidence.rows
    return Table(
        title="Rows left out, and why",
        columns=("rows", "because", "number"),
        numbers_from=2,
        rows=(
            (
                "censored",
                "their horizon was not wholly observed: the outcome is unknown",
                count(rows.censored),
            ),
            ("purged", "their horizon reaches from the fitted time into the tested", count(rows.purged)),
            ("treated", "the account was under treatment: it would teach the treatment", count(rows.treated)),
        ),
    )


def _survivorship(subject: Subject) -> str:
    found = subject.evidence.survivorship
    if not found.left:
        return "Survivorship: no account of these rows left."
    return (
        f"Survivorship: of the {plural(found.accounts, 'account')} of these rows {found.left:,} left in the"
        f" end; {found.left_in_fit:,} of them were gone when the test began and are among the fitted rows,"
        f" with {plural(found.rows_of_left_in_fit, 'row')}. A log of survivors only would know nothing of"
        " them."
    )


def _without_leavers(subject: Subject) -> tuple[Table, ...]:
    found, words = subject.evidence.survivorship, subject.words
    if not found.left:
        return ()
    return (
        Table(
            title="The same recipe without the accounts that left",
            columns=("", "with them", "without them"),
            rows=(
                (
                    f"{words.rate} of the fitted rows",
                    percent(found.base_rate),
                    percent(found.base_rate_without),
                ),
                (
                    "AUC on the same test rows",
                    number(subject.figure("auc_roc")),
                    number(found.auc_without)
                    if found.auc_without is not None
                    else "not measured: too few positives remain",
                ),
            ),
        ),
    )

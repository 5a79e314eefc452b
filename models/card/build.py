"""A card's document: the sections in the order in which they are read."""

from models.card.document import Document
from models.card.formats import capital, plural
from models.card.sections import accounts, data, drivers, origin, probabilities, quality, reading, summary
from models.card.subject import Subject


def document_of(subject: Subject) -> Document:
    """The whole card of a version, or the report of an evaluation."""
    manifest = subject.manifest
    sort = "Model card" if manifest else "Evaluation"
    tags = [f"target {subject.target}", f"horizon {plural(subject.horizon_days, 'day')}"]
    if manifest:
        tags.insert(0, f"version {manifest.version}")
    if subject.seed is not None:
        tags.append(f"seed {subject.seed}")
    return Document(
        title=f"{sort}: {capital(subject.name)}",
        subtitle=summary.subtitle(subject),
        tags=tuple(tags),
        sections=(
            summary.in_short(subject),
            summary.caveats(subject),
            summary.purpose(subject),
            reading.reading(subject),
            data.data(subject),
            quality.quality(subject),
            probabilities.probabilities(subject),
            drivers.drivers(subject),
            accounts.accounts(subject),
            accounts.subgroups(subject),
            quality.contenders(subject),
            origin.parity(subject),
            origin.origin(subject),
        ),
    )

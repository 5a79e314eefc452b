"""The files of an export's subscriptions and accounts, opened wherever they are."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from stemtide_cli.backfill_facts import facts_of
from stemtide_cli.backfill_listing import ClientOf
from stemtide_cli.backfill_sources import SECTIONS, Sources
from stemtide_cli.backfill_stage import Stage
from stemtide_cli.facts_log import Facts
from stemtide_cli.mapping import Mapping as LogMapping


@contextmanager
def opened(
    sources: Sources,
    *,
    mapping: LogMapping,
    mapping_path: Path,
    stage: Stage,
    client_of: ClientOf,
    say: Callable[[str], None],
) -> Iterator[Facts]:
    """The facts of an export whose events are counted in the stage; while it is open its files are at hand.

    Raises:
        CliError: a file is unreadable, or a mapped column does not exist.
    """
    folder = stage.folder / "sections"
    folder.mkdir(exist_ok=True)
    with ExitStack() as stack:
        paths = {
            section: stack.enter_context(source.at_hand(folder / section, client_of))
            for section, source in sources.sections.items()
        }
        for section in ("subscriptions", "accounts"):
            wanted = getattr(mapping, section)
            if wanted is not None and section not in paths:
                say(f"there is no {wanted.file} in --data: nothing is known of [{section}]")
        yield facts_of(
            _placed(mapping, {section: str(path.absolute()) for section, path in paths.items()}),
            folder=folder,
            mapping_path=mapping_path,
            stage=stage,
            spill=stage.folder / "tmp",
        )


def _placed(mapping: LogMapping, paths: Mapping[str, str]) -> LogMapping:
    """The mapping with where its files are; one that is not there gets a name that no file has."""
    files = {
        section: msgspec.structs.replace(part, file=paths.get(section, f"none/{section}"))
        for section in SECTIONS
        if (part := getattr(mapping, section)) is not None
    }
    return msgspec.structs.replace(mapping, **files)

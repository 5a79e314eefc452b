"""What the stream's stores promise, as tests that any of their implementations must pass."""

import pytest
from stemtide.archive import object_key, pack
from stemtide.facts import Fact
from stemtide.kinesis_event import Delivered
from stemtide.ports import CUTOVER_SORT, Checkpoint, ConflictError, LedgerRow, QuarantineRow, UsageRow

from tests.simulation.pool import TODAY_MS
from tests.simulation.stores import Stores
from tests.simulation.stream import FIRST_SEQUENCE

DAY = "2026-03-14"
LANE = "1773403200000/3"


def row(version: int, *, account: str = "acme", sort: str = DAY, blob: bytes = b"state") -> UsageRow:
    return UsageRow(
        account=account, sort=sort, version=version, blob=blob, events=version, expires_at=1_900_000_000
    )


def ledger_row(mark: int, *, calls: int = 0) -> LedgerRow:
    return LedgerRow(
        lane=LANE,
        mark=FIRST_SEQUENCE + mark,
        mark_arrival=TODAY_MS,
        records=mark,
        counts={"applied": calls, "duplicate": 1},
        expected=FIRST_SEQUENCE + mark + 7 if calls else None,
        ranges=((FIRST_SEQUENCE, FIRST_SEQUENCE + mark),),
        checkpoints=(Checkpoint(29_557_440, FIRST_SEQUENCE + mark, calls),),
    )


def fact(id_: str, *, known_ms: int = TODAY_MS, plan: str = "pro") -> Fact:
    return Fact(id=id_, known_ms=known_ms, at_ms=TODAY_MS, kind="traits", data={"plan": plan})


def quarantined(sequence: int, index: int = 0) -> QuarantineRow:
    return QuarantineRow(
        lane=LANE,
        sequence=FIRST_SEQUENCE + sequence,
        index=index,
        arrival_ms=TODAY_MS,
        reason="invalid_json",
        detail="not JSON",
        payload=b"poison",
    )


def delivered(first: int, last: int) -> list[Delivered]:
    return [
        Delivered(FIRST_SEQUENCE + at, "acme", TODAY_MS + at, b"%d" % at) for at in range(first, last + 1)
    ]


class StoreContract:
    """Subclasses have a fixture `stores`."""

    # --- usage ---------------------------------------------------------------------------------------

    def test_an_item_that_nobody_has_written_is_none(self, stores: Stores) -> None:
        assert stores.items.get("acme", DAY) is None
        assert stores.items.get_day("acme", DAY) == (None, None)

    def test_an_item_is_read_as_it_was_written(self, stores: Stores) -> None:
        stores.items.put(row(1, blob=b"\x01\x00\xff"))

        found = stores.items.get("acme", DAY)

        assert found is not None
        assert (found.version, found.blob, found.expires_at) == (1, b"\x01\x00\xff", 1_900_000_000)

    def test_a_day_comes_with_the_cutover_of_its_account(self, stores: Stores) -> None:
        stores.items.put(row(1, sort=CUTOVER_SORT, blob=b"cutover"))
        stores.items.put(row(1, account="bee", sort=CUTOVER_SORT))
        stores.items.put(row(1))

        day, cutover = stores.items.get_day("acme", DAY)
        other, _ = stores.items.get_day("acme", "2026-03-15")

        assert (day and day.blob, cutover and cutover.blob, other) == (b"state", b"cutover", None)

    @pytest.mark.parametrize("version", [1, 3, 4])
    def test_a_version_is_written_over_the_one_before_it_only(self, stores: Stores, version: int) -> None:
        stores.items.put(row(1))
        stores.items.put(row(2, blob=b"two"))

        with pytest.raises(ConflictError):
            stores.items.put(row(version if version != 3 else 2))

        found = stores.items.get("acme", DAY)
        assert found is not None
        assert (found.version, found.blob) == (2, b"two")

    def test_a_later_version_is_not_written_over_nothing(self, stores: Stores) -> None:
        with pytest.raises(ConflictError):
            stores.items.put(row(2))

        assert stores.items.get("acme", DAY) is None

    def test_items_are_written_together_or_not_at_all(self, stores: Stores) -> None:
        stores.items.put(row(1))
        stores.recounted.put_together([row(2), row(1, sort=f"{DAY}#users")])

        with pytest.raises(ConflictError):
            stores.recounted.put_together([row(3), row(1, sort=f"{DAY}#users")])

        day, users = stores.items.get("acme", DAY), stores.items.get("acme", f"{DAY}#users")
        assert (day and day.version, users and users.version) == (2, 1)

    def test_one_item_written_together_is_conditional_too(self, stores: Stores) -> None:
        stores.recounted.put_together([row(1)])

        with pytest.raises(ConflictError):
            stores.recounted.put_together([row(1, blob=b"another")])
        stored = stores.items.get("acme", DAY)
        assert stored is not None
        assert (stored.version, stored.blob) == (1, b"state")

    def test_one_item_written_once_more_as_it_stands_is_no_conflict(self, stores: Stores) -> None:
        stores.recounted.put_together([row(1)])
        stores.recounted.put_together([row(1)])

        stored = stores.items.get("acme", DAY)
        assert stored is not None
        assert stored.version == 1

    # --- ledgers -------------------------------------------------------------------------------------

    def test_a_lane_that_nobody_has_accounted_for_is_empty(self, stores: Stores) -> None:
        assert stores.ledger.read(LANE) == LedgerRow(lane=LANE)

    def test_a_ledger_row_is_read_as_it_was_written(self, stores: Stores) -> None:
        stores.ledger.write(ledger_row(7, calls=5), over_mark=-1)

        assert stores.ledger.read(LANE) == ledger_row(7, calls=5)
        assert stores.other_ledger.read(LANE) == LedgerRow(lane=LANE)

    @pytest.mark.parametrize("over", [-1, FIRST_SEQUENCE, FIRST_SEQUENCE + 8])
    def test_a_ledger_row_is_written_over_the_mark_that_was_read_only(
        self, stores: Stores, over: int
    ) -> None:
        stores.ledger.write(ledger_row(7), over_mark=-1)

        with pytest.raises(ConflictError):
            stores.ledger.write(ledger_row(9), over_mark=over)

        stores.ledger.write(ledger_row(9), over_mark=FIRST_SEQUENCE + 7)
        assert stores.ledger.read(LANE).mark == FIRST_SEQUENCE + 9

    def test_a_ledger_row_over_a_mark_is_not_written_over_nothing(self, stores: Stores) -> None:
        with pytest.raises(ConflictError):
            stores.ledger.write(ledger_row(9), over_mark=FIRST_SEQUENCE)

    # --- what is set aside ---------------------------------------------------------------------------

    def test_a_rejected_call_is_kept_once_per_place(self, stores: Stores) -> None:
        for one in (quarantined(1), quarantined(1), quarantined(1, index=2), quarantined(2)):
            stores.quarantine.put(one)

        assert stores.quarantined() == 3

    def test_a_fact_is_kept_as_it_was_first_said(self, stores: Stores) -> None:
        stores.facts.put_facts("acme", [fact("a"), fact("a", plan="free"), fact("b")])
        stores.facts.put_facts("acme", [fact("b"), fact("b", known_ms=TODAY_MS + 1)])
        stores.facts.put_facts("bee", [fact("c")])

        said = sorted((one.id, one.known_ms - TODAY_MS, one.data["plan"]) for one in stores.said("acme"))

        assert said == [("a", 0, "pro"), ("b", 0, "pro"), ("b", 1, "pro")]

    # --- the archive ---------------------------------------------------------------------------------

    def test_objects_that_overlap_are_read_record_by_record_once(self, stores: Stores) -> None:
        for first, last in ((4, 9), (0, 3), (2, 5), (0, 3)):
            stores.objects.put(object_key(LANE, DAY, delivered(first, last)), pack(delivered(first, last)))
        stores.objects.put(object_key("2773403200000/0", DAY, delivered(1, 1)), pack(delivered(1, 1)))
        stores.objects.put(object_key(LANE, "2026-03-15", delivered(7, 7)), pack(delivered(7, 7)))

        found = [(lane, int(record.seq) - FIRST_SEQUENCE) for lane, record in stores.archived(DAY)]

        assert found == [*((LANE, at) for at in range(10)), ("2773403200000/0", 1)]

    def test_an_object_is_overwritten(self, stores: Stores) -> None:
        key = object_key(LANE, DAY, delivered(0, 1))
        stores.objects.put(key, pack(delivered(0, 0)))
        stores.objects.put(key, pack(delivered(0, 1)))

        assert len(list(stores.archived(DAY))) == 2

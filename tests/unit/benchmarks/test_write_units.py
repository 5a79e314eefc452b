"""The write units are counted of items as a write of the live day makes them."""

from random import Random

from benchmarks.write_units import Counted, _bytes, _live


def test_an_item_takes_its_blob_and_the_names_and_values_around_it() -> None:
    around = _bytes(b"", 1)

    assert 50 < around < 150
    assert _bytes(b"x" * 1000, 1) == around + 1000


def test_a_day_is_written_window_by_window() -> None:
    counted = Counted()

    _live(200.0, 2.0, 60, Random(1), counted)

    assert 100 < counted.events / 2 < 300
    assert 0 < counted.units <= 2 * counted.events
    assert all(size < 1024 for _, size in counted.sizes)

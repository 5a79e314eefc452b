"""Quiet hours in every zone, against a walk minute by minute; the nights on which clocks change."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stemtide.config_mail import QuietHours
from stemtide.mail.message import MailClass
from stemtide.mail.quiet_hours import next_allowed, zone_of

LIFECYCLE, TRANSACTIONAL = MailClass.LIFECYCLE, MailClass.TRANSACTIONAL
ZONES = sorted(available_timezones() - {"localtime", "posixrules"})
MINUTE_MS = 60_000
DAILY = QuietHours(weekdays_only=False)
CHANGES = [  # instants shortly before a change of the offset, or a day that was skipped
    ("Europe/Berlin", "2026-03-28T20:00"),
    ("Europe/Berlin", "2026-10-24T20:00"),
    ("America/New_York", "2026-03-07T20:00"),
    ("America/New_York", "2026-10-31T20:00"),
    ("Australia/Lord_Howe", "2026-04-04T06:00"),
    ("Australia/Lord_Howe", "2026-10-03T06:00"),
    ("Africa/Cairo", "2026-04-23T18:00"),
    ("America/Santiago", "2026-09-05T18:00"),
    ("Africa/Casablanca", "2026-02-14T18:00"),
    ("Asia/Kathmandu", "2026-02-28T12:00"),
    ("Pacific/Apia", "2011-12-29T20:00"),
    ("Pacific/Kiritimati", "1994-12-30T20:00"),
    ("Pacific/Chatham", "2026-04-04T06:00"),
    ("Europe/Dublin", "2026-10-24T20:00"),
]


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def wall(at_ms: int, zone: str) -> str:
    return datetime.fromtimestamp(at_ms / 1000, ZoneInfo(zone)).strftime("%a %Y-%m-%d %H:%M")


def quiet_by_hand(at_ms: int, zone: ZoneInfo, hours: QuietHours, *, lifecycle: bool) -> bool:
    local = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)).astimezone(zone)
    clock = f"{local:%H:%M}"
    if lifecycle and hours.weekdays_only and local.isoweekday() > 5:
        return True
    if hours.start <= hours.end:
        return hours.start <= clock < hours.end
    return clock >= hours.start or clock < hours.end


def first_by_hand(at_ms: int, zone: ZoneInfo, hours: QuietHours, *, lifecycle: bool) -> int:
    """The instant itself, else the first full minute that is not quiet."""
    while quiet_by_hand(at_ms, zone, hours, lifecycle=lifecycle):
        at_ms = (at_ms // MINUTE_MS + 1) * MINUTE_MS
    return at_ms


def hours_of(hours: st.SearchStrategy[int]) -> st.SearchStrategy[QuietHours]:
    clocks = st.builds(lambda h, m: f"{h:02d}:{m:02d}", hours, st.sampled_from([0, 1, 15, 30, 59]))
    return st.builds(
        QuietHours, start=clocks, end=clocks, weekdays_only=st.booleans(), transactional=st.just(True)
    )


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(ZONES),
    st.integers(ms("2020-01-01T00:00"), ms("2030-01-01T00:00")),
    hours_of(st.integers(0, 23)),
    st.sampled_from(MailClass),
)
def test_in_every_zone_it_is_the_first_minute_that_is_not_quiet(
    name: str, at_ms: int, hours: QuietHours, kind: MailClass
) -> None:
    zone = ZoneInfo(name)

    assert next_allowed(at_ms, zone, hours, kind) == first_by_hand(
        at_ms, zone, hours, lifecycle=kind is LIFECYCLE
    )


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(CHANGES),
    st.integers(0, 12 * 60),
    hours_of(st.sampled_from([0, 1, 2, 3, 4, 22])),
    st.sampled_from(MailClass),
)
def test_around_changes_of_the_offset_too(
    place: tuple[str, str], minutes: int, hours: QuietHours, kind: MailClass
) -> None:
    zone, at_ms = ZoneInfo(place[0]), ms(place[1]) + minutes * MINUTE_MS

    assert next_allowed(at_ms, zone, hours, kind) == first_by_hand(
        at_ms, zone, hours, lifecycle=kind is LIFECYCLE
    )


def test_row_49_an_end_that_the_clock_skips_is_reached_when_it_jumps() -> None:
    hours = QuietHours(start="22:00", end="02:30", weekdays_only=False)

    found = next_allowed(ms("2026-03-28T23:00"), ZoneInfo("Europe/Berlin"), hours, LIFECYCLE)

    assert wall(found, "Europe/Berlin") == "Sun 2026-03-29 03:00"


def test_row_49_an_end_that_comes_twice_is_quiet_again_between() -> None:
    hours, berlin = QuietHours(start="22:00", end="02:30", weekdays_only=False), ZoneInfo("Europe/Berlin")

    first = next_allowed(ms("2026-10-24T22:00"), berlin, hours, LIFECYCLE)
    again = next_allowed(ms("2026-10-25T01:10"), berlin, hours, LIFECYCLE)

    assert (first, again) == (ms("2026-10-25T00:30"), ms("2026-10-25T01:30"))
    assert wall(first, "Europe/Berlin") == wall(again, "Europe/Berlin")


def test_row_49_the_29_of_february_is_a_day_like_others() -> None:
    found = next_allowed(ms("2028-02-28T22:00"), ZoneInfo("UTC"), DAILY, LIFECYCLE)

    assert wall(found, "UTC") == "Tue 2028-02-29 08:00"


def test_a_weekend_is_waited_for_by_lifecycle_mail_only() -> None:
    saturday = ms("2026-11-28T12:00")
    always = QuietHours(transactional=True)

    assert wall(next_allowed(saturday, ZoneInfo("UTC"), always, LIFECYCLE), "UTC") == "Mon 2026-11-30 08:00"
    assert next_allowed(saturday, ZoneInfo("UTC"), always, TRANSACTIONAL) == saturday


def test_transactional_mail_waits_for_no_hour_unless_it_is_told_to() -> None:
    night = ms("2026-11-25T03:00")

    assert next_allowed(night, ZoneInfo("UTC"), QuietHours(), TRANSACTIONAL) == night
    assert next_allowed(night, ZoneInfo("UTC"), QuietHours(transactional=True), TRANSACTIONAL) > night


@pytest.mark.parametrize("name", [None, "", "Mars/Olympus", "../etc/passwd", "\x00", "Europe", "x" * 300])
def test_row_49_an_unknown_zone_is_that_of_the_company(name: str | None) -> None:
    found = zone_of((name,), company="Asia/Tokyo")

    assert (found.zone.key, found.own) == ("Asia/Tokyo", False)


def test_the_first_zone_that_is_one_is_gone_by() -> None:
    found = zone_of(("Mars/Olympus", "America/Lima"), company="Asia/Tokyo")

    assert (found.zone.key, found.own) == ("America/Lima", True)


def test_every_zone_is_found_and_ends_its_night() -> None:
    friday_night = ms("2026-11-28T05:00")

    for name in ZONES:
        found = next_allowed(friday_night, zone_of((name,), company="UTC").zone, QuietHours(), LIFECYCLE)
        assert friday_night <= found <= friday_night + 3 * 86_400_000, name

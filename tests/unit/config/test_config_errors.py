"""A bad file is refused with the exact line, the key, the reason and the remedy."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stemtide.config import ConfigError, parse_config

COMPANY = '[company]\nname = "A"\ntime_zone = "UTC"\ncurrency = "USD"\n'
"""Four valid lines: what is appended begins on line 5."""

BAD = [
    # what is written, line, key, fragments of the message
    ("", 1, "company", ["is missing", "[company]", "name, time_zone, currency"]),
    ("[company]\nname = 1\n", 2, "company.name", ["Expected str, got int", 'name = "Acme"']),
    ('[company]\nname = "A"\n', 1, "company.time_zone", ["is missing", 'time_zone = "Europe/Berlin"']),
    ("company = 3", 1, "company", ["Expected a section, got int"]),
    (COMPANY.replace("UTC", "Mars/Olympus"), 3, "company.time_zone", ["Mars/Olympus", "Europe/Berlin"]),
    (COMPANY.replace("UTC", "../../etc/passwd"), 3, "company.time_zone", ["no IANA time zone"]),
    (COMPANY.replace("USD", "usd"), 4, "company.currency", ["usd", "ISO 4217", "three capital letters"]),
    (
        COMPANY + "\n[ingest]\nmax_latenes_days = 3\n",
        7,
        "ingest.max_latenes_days",
        ["mean max_lateness_days?"],
    ),
    (COMPANY + "[ingest]\n# late\nmax_lateness_days = true", 7, "ingest.max_lateness_days", ["got bool"]),
    (COMPANY + "[ingest]\nmax_event_types = 300", 6, "ingest.max_event_types", ["<= 200", "from 1 to 200"]),
    (
        COMPANY + "[ingest]\nmax_lateness_days = 9\nusage_retention_days = 90",
        7,
        "ingest.usage_retention_days",
        ["91"],
    ),
    (COMPANY + "[ingest]\nusage_retention_days = 187", 6, "ingest.usage_retention_days", ["188 or more"]),
    (COMPANY + "[ingest]\nmax_lateness_days = 393", 6, "ingest.max_lateness_days", ["401 or more"]),
    (COMPANY + '[access]\ncsm_scope = "mine"', 6, "access.csm_scope", ["'mine'", '"all" or "own"']),
    (
        COMPANY + '[events]\ncore_actions = "a"',
        6,
        "events.core_actions",
        ["Expected array", "list of patterns"],
    ),
    (COMPANY + '[events]\nlogins = [\n "a",\n # b\n 7,\n]', 9, "events.logins[1]", ["Expected str, got int"]),
    (COMPANY + '[events]\nlogins = [\n "a",\n\n "[b",\n]', 9, "events.logins[1]", ["never closed"]),
    (COMPANY + '[events]\nlogins = ["a",\n "b", "A"\n]', 7, "events.logins[2]", ["twice"]),
    (COMPANY + '[events]\nlogins = [" a"]', 6, "events.logins[0]", ["blank"]),
    (COMPANY + '[events]\nlogins = [""]', 6, "events.logins[0]", ["length >= 1"]),
    (
        COMPANY + '[events.features]\nname = "a"\nevents = ["a"]',
        5,
        "events.features",
        ["got object", "at most 30 sections [[events.features]]", "name, events"],
    ),
    (
        COMPANY + "".join(f'[[events.meters]]\nname = "m{n}"\nevents = ["a"]\n' for n in range(11)),
        5,
        "events.meters",
        ["length <= 10", "at most 10 sections [[events.meters]]"],
    ),
    (COMPANY + '[[events.features]]\nname = "a"\n', 5, "events.features[0].events", ["is missing"]),
    (COMPANY + '[[events.features]]\nname = "A!"\nevents = ["a"]', 6, "events.features[0].name", ["reports"]),
    (COMPANY + '[mail]\nfrom = "hello"', 6, "mail.from", ['"hello" is no address', "Acme <hello@acme.com>"]),
    (COMPANY + '[mail]\nreply_to = "a@b.c, d@e.f"', 6, "mail.reply_to", ["no address"]),
    (
        COMPANY + '[mail.quiet_hours]\nend = "24:00"',
        6,
        "mail.quiet_hours.end",
        ["matching regex", "e.g. end ="],
    ),
    (COMPANY + "[mail.pause]\nbounce_pct = 0", 6, "mail.pause.bounce_pct", [">= 0.01"]),
    (
        COMPANY
        + '[contacts]\ncaps = [{ of = "any", most = 1, days = 1 }, { of = "any", most = 2, days = 1 }]',
        6,
        "contacts.caps[1].of",
        ["two caps"],
    ),
    (COMPANY + "[plans]\nrank = 1", 5, "plans", ["Write sections [[plans]] with the keys name, rank"]),
    (
        COMPANY + '[[plans]]\nname = "a"\nrank = 1\n\n[[plans]]\nname = "b"\n',
        9,
        "plans[1].rank",
        ["is missing"],
    ),
    (COMPANY + '[[plans]]\nname="a"\nrank=1\n[[plans]]\nname="b"\nrank=1', 10, "plans[1].rank", ['plan "a"']),
    (COMPANY + '[[plans]]\nname="a"\nrank=1\n[[plans]]\nname="A"\nrank=2', 9, "plans[1].name", ["two plans"]),
    (COMPANY + '[[plans]]\nname="a"\nrank=1\n[plans.limits]\nx=1\ny=-3', 10, "plans[0].limits.y", [">= 0"]),
    (COMPANY + '[[plans]]\nname="a"\nrank=1\nlimits={ x = 1, y = "2" }', 8, "plans[0].limits.y", ["got str"]),
    (
        COMPANY + '[[plans]]\nname="a"\nrank=1\nlimits={ API = 1 }',
        8,
        "plans[0].limits.API",
        ["name of a meter"],
    ),
    (COMPANY + "[scoring]\ntier_multiples = [3, 3, 6]", 6, "scoring.tier_multiples[1]", ["must rise", "3.0"]),
    (COMPANY + "[scoring]\ntier_multiples = [1, 2, nan]", 6, "scoring.tier_multiples[2]", []),
    (COMPANY + "[scoring]\ntier_multiples = [0, 2, 3]", 6, "scoring.tier_multiples[0]", ["above 0"]),
    (COMPANY + "[scoring]\ntier_multiples = [2, 3]", 6, "scoring.tier_multiples", ["a list of 3 numbers"]),
    (
        COMPANY + "[prompts]\n",
        5,
        "prompts",
        [
            "unknown key",
            "access, billing, company, contacts, detection, dunning, events, ingest, mail, offers, plans",
        ],
    ),
    (COMPANY + "x = \n", 5, "", ["not valid TOML at column", "Strings need quotes"]),
    (COMPANY + "[ingest]\n[ingest]\n", 6, "", ["not valid TOML", "twice"]),
    (COMPANY + "[events]\nlogins = [", 6, "", ["not valid TOML", "end of the file"]),
]


@pytest.mark.parametrize(("text", "line", "key", "fragments"), BAD)
def test_the_message_has_line_key_reason_and_remedy(
    text: str, line: int, key: str, fragments: list[str]
) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(text.encode(), file="conf/stemtide.toml")

    error = caught.value
    assert (error.line, error.key) == (line, key), str(error)
    assert str(error).startswith(f"conf/stemtide.toml:{line}: ")
    assert all(fragment in str(error) for fragment in fragments), str(error)
    assert error.remedy.endswith((".", "?"))


def test_a_file_that_is_not_utf8_names_the_line() -> None:
    with pytest.raises(ConfigError, match=r"stemtide\.toml:2: is not UTF-8"):
        parse_config(b'[company]\nname = "\xff"\n')


def test_the_values_of_the_file_are_not_changed_by_looking_for_the_bad_one() -> None:
    text = COMPANY + '[[plans]]\nname="a"\nrank=1\nlimits={ x = 1, y = -2, z = -3 }'

    with pytest.raises(ConfigError) as first:
        parse_config(text.encode())
    with pytest.raises(ConfigError) as second:
        parse_config(text.encode())

    assert str(first.value) == str(second.value)


@given(st.text(max_size=200))
def test_whatever_is_appended_the_file_is_taken_or_refused_with_a_line_of_it(tail: str) -> None:
    text = COMPANY + tail

    line = refused_at(text)

    assert line is None or 1 <= line <= text.count("\n") + 1


def refused_at(text: str) -> int | None:
    try:
        parse_config(text.encode("utf-8", errors="replace"))
    except ConfigError as error:
        return error.line
    return None


@pytest.mark.parametrize(
    ("written", "line", "said"),
    [
        (
            'columns = ["account", "avg_dau_7"]',
            6,
            r'there is no feature "avg_dau_7"\. Did you mean avg_dau_7d\?',
        ),
        ('columns = ["account", "account"]', 6, r'"account" is listed twice\. Write each column once'),
        ("max_null_pct = 101", 6, r"Write a number from 0 to 100, e\.g\. max_null_pct = 5\.0"),
        ('severity = "fatal"', 6, r'Write "critical" or "warning"'),
    ],
)
def test_a_key_column_or_bound_of_the_quality_gate_that_cannot_be_is_named(
    written: str, line: int, said: str
) -> None:
    text = f"{COMPANY}[sweep.feature_completeness]\n{written}\n"

    with pytest.raises(ConfigError, match=said) as caught:
        parse_config(text.encode())

    assert caught.value.line == line


def test_features_of_configured_parts_may_be_key_columns() -> None:
    text = (
        COMPANY
        + """[[events.features]]
name = "reports"
events = ["Report *"]
[sweep.feature_completeness]
columns = ["reports_share_30d"]
"""
    )

    assert parse_config(text.encode()).sweep.feature_completeness.columns == ("reports_share_30d",)

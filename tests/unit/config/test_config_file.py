"""The example configuration is true, and what it leaves out has the same defaults."""

from pathlib import Path

import msgspec
import pytest
from stemtide import config_reference
from stemtide.config import ConfigError, bundled_config, load_config, parse_config
from stemtide.config_retention import Retention
from stemtide.config_schema import Company, Config, Events, Group, Signal

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "stemtide.toml"


OWN_OF_RETENTION = ("training_url", "executive", "offer_url", "guides")
"""What is a company's own: of the example, and of nobody by default."""


def test_the_example_states_every_default() -> None:
    example, default = load_config(EXAMPLE), Retention()
    win_back = msgspec.structs.replace(example.win_back, return_url="")
    none = {name: getattr(default, name) for name in OWN_OF_RETENTION}
    retention = msgspec.structs.replace(example.retention, **none)

    found = msgspec.structs.replace(example, win_back=win_back, retention=retention)

    assert found == Config(company=example.company, plans=example.plans)
    assert example.win_back.return_url
    assert all(getattr(example.retention, name) for name in OWN_OF_RETENTION)


def test_the_example_names_every_key() -> None:
    text = EXAMPLE.read_text()

    for key in config_reference.entries():
        assert key.path.rsplit(".", 1)[1] in text, key.path


def test_the_reference_in_the_docs_is_the_schema() -> None:
    docs = (ROOT / "docs" / "configuration.md").read_text()

    assert config_reference.table() in docs


def test_a_file_with_only_the_company_is_enough() -> None:
    config = parse_config(b'[company]\nname = "A"\ntime_zone = "Asia/Tokyo"\ncurrency = "JPY"\n')

    assert config == Config(company=Company(name="A", time_zone="Asia/Tokyo", currency="JPY"))


def test_a_byte_order_mark_is_no_error() -> None:
    config = parse_config('\ufeff[company]\nname = "A"\ntime_zone = "UTC"\ncurrency = "EUR"\n'.encode())

    assert config.company.name == "A"


def test_the_bundled_configuration_is_the_one_the_environment_names(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = tmp_path / "other.toml"
    other.write_text('[company]\nname = "Other"\ntime_zone = "UTC"\ncurrency = "EUR"\n')
    monkeypatch.setenv("STEMTIDE_CONFIG", str(other))
    bundled_config.cache_clear()

    name = bundled_config().company.name

    bundled_config.cache_clear()
    assert name == "Other"


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be read .*Copy the example stemtide\.toml there"):
        load_config(tmp_path / "nowhere.toml")


@pytest.mark.parametrize("name", ["Support Ticket Created", "Subscription Started", "NPS Submitted"])
def test_what_systems_tell_is_no_comment_no_part_and_no_metered_use(name: str) -> None:
    every = (Group(name="all", events=("*",)),)
    events = Events(comments=("*",), features=every, meters=every)

    assert not events.commenting()(name)
    assert (events.parts(name), events.metered(name)) == ((), ())
    assert (events.parts("page"), events.metered("page")) == ((0,), (0,))


@pytest.mark.parametrize(
    ("name", "signals"),
    [
        ("API Call", {Signal.API_CALL}),
        ("api_report_export", {Signal.API_CALL}),
        ("Signed In", {Signal.LOGIN}),
        ("LOGIN", {Signal.LOGIN}),
        ("Report Created", {Signal.CORE_ACTION}),
        ("add_contact", {Signal.CORE_ACTION}),
        ("page", set()),
        ("Course Clicked", set()),
    ],
)
def test_the_default_patterns_tell_typical_events_apart(name: str, signals: set[Signal]) -> None:
    events = load_config(EXAMPLE).events

    assert events.classify(name) == signals


def test_an_event_may_tell_several_things() -> None:
    company = '[company]\nname = "A"\ntime_zone = "UTC"\ncurrency = "EUR"\n'
    lists = '[events]\ncore_actions = ["a[12]"]\napi_calls = ["A*"]\n'
    events = parse_config((company + lists).encode()).events

    assert events.classify("a1") == {Signal.CORE_ACTION, Signal.API_CALL}
    assert events.classify("a3") == {Signal.API_CALL}


def test_what_systems_tell_of_customers_is_no_use_of_the_product() -> None:
    events = Events()

    assert events.classify("Report Created") == {Signal.CORE_ACTION}
    assert events.classify("Support Ticket Created") == frozenset()
    assert Events(api_calls=("*",)).classify("NPS Submitted") == frozenset()

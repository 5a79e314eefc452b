"""What `stemtide doctor` says of a configuration that still has the example's words."""

from pathlib import Path

import msgspec
from stemtide.config import load_config
from stemtide.config_plays import WinBack
from stemtide.config_retention import Guide, Retention
from stemtide.config_schema import Company, Config
from stemtide_cli.checks_config import own_words

EXAMPLE = Path(__file__).parents[3] / "stemtide.toml"


def test_every_word_of_the_example_is_named() -> None:
    [found] = own_words(load_config(EXAMPLE))

    assert found.state == "warn"
    for key in ("company.name", "mail.from", "win_back.return_url", "retention.executive"):
        assert key in found.says
    assert "retention.guides[1].url" in found.says


def test_a_company_s_own_words_are_right() -> None:
    default = Config(company=Company(name="Acme", time_zone="UTC", currency="EUR"))
    mail = msgspec.structs.replace(
        default.mail, sender="Acme <hi@acme.io>", postal_address="Acme, 2 High St, Leeds"
    )
    guide = Guide(drivers=("api_*",), feature="API", tip="Retry.", url="https://help.acme.io/api")
    own = msgspec.structs.replace(
        default,
        mail=mail,
        win_back=WinBack(return_url="https://acme.io/back"),
        retention=Retention(executive="Ada Okoye", guides=(guide,)),
    )

    assert [check.state for check in own_words(own)] == ["ok"]

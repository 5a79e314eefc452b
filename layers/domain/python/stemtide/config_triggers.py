"""The part of `stemtide.toml` that says what is followed by a score at once, besides a drop of use."""

from typing import Annotated

from msgspec import Meta

from stemtide.config_detection import Section


class Triggers(Section, frozen=True):
    """What is followed by a score at once, besides a drop of use."""

    login: Annotated[
        bool,
        Meta(
            description="Whether a user's login (`[events] logins`) is followed by a score of the account.",
            examples=[True],
        ),
    ] = True
    login_debounce_minutes: Annotated[
        int,
        Meta(
            ge=0,
            le=1440,
            description="Minutes after a score's instant in which a login is followed by none, so that "
            "logins of many users are one score. 0: each login is followed by its own.",
            examples=[60],
        ),
    ] = 60

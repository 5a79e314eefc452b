"""The part of `stemtide.toml` that lists what is sold."""

from typing import Annotated

from msgspec import Meta, field

from stemtide.config_detection import Section

Meter = Annotated[str, Meta(pattern="^[a-z][a-z0-9_]{0,63}$")]


class Plan(Section, frozen=True):
    """A plan you sell."""

    name: Annotated[
        str,
        Meta(min_length=1, max_length=100, description="The name that `plan` in an account's traits has."),
    ]
    rank: Annotated[
        int,
        Meta(
            ge=0,
            le=1000,
            description="Place among your plans: an upgrade leads to a higher rank.",
            examples=[1],
        ),
    ]
    limits: Annotated[
        dict[Meter, Annotated[int, Meta(ge=0, le=2**53)]],
        Meta(
            description="Included units by meter; a meter that is not named is unlimited.",
            examples=[{"seats": 5}],
        ),
    ] = field(default_factory=dict)
    mrr: Annotated[
        int,
        Meta(
            ge=0,
            le=2**53,
            description="List price a month in minor units (cents) of `company.currency`, without what seats "
            "cost; 0 with `mrr_per_seat` 0: not known.",
            examples=[9900],
        ),
    ] = 0
    mrr_per_seat: Annotated[
        int,
        Meta(ge=0, le=2**53, description="List price a month of each seat, in minor units.", examples=[1200]),
    ] = 0

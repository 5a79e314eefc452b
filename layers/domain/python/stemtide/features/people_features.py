"""The features of who uses the product, and how use is spread over people and parts."""

from typing import Final

from stemtide.features import formulas as f
from stemtide.features import sentences as s
from stemtide.features.feature import Feature
from stemtide.features.usage_at import Distinct

PEOPLE: Final = (
    Feature(
        name="users_commenting",
        unit="users",
        windows=(30,),
        dtype="whole",
        label="Users who comment, 30 days",
        subject="the number of users who comment",
        meaning="distinct users of comments (`[events] comments`) in the last 30 days",
        wording=s.level("user", "users", "commented in the last 30 days"),
        formula=f.distinct(Distinct.COMMENTERS_30),
    ),
    Feature(
        name="top_user_share",
        unit="share",
        windows=(30,),
        label="Share of the top user, 30 days",
        subject="how much of the use is by one user",
        meaning="days on which the user who came on the most days of 30 did / the sum of each day's distinct "
        "users; unknown without users, or where a day has more than are kept by name (256)",
        wording=s.share("of the days on which users came in 30 days are those of one user"),
        formula=f.top_user_share,
    ),
    Feature(
        name="champion_last_seen",
        unit="days",
        windows=(90,),
        dtype="whole",
        label="Days since the champion was there",
        subject="when the most frequent user was last there",
        meaning="days since the last day of the user who came on the most of 90 days (of several the one "
        "seen last); unknown as top_user_share is",
        wording=s.silence("the most frequent user was not there", "the most frequent user was there", 90),
        formula=f.distinct(Distinct.CHAMPION_AWAY),
    ),
    Feature(
        name="seat_utilization_change",
        unit="difference of shares",
        windows=(30, 60),
        source="both",
        label="Seats in use, against the 30 days before",
        subject="the change of the share of seats in use",
        meaning="(users_30d - that of the 30 days before) / seats; unknown before 60 days or without seats",
        wording=s.points_of("seats in use"),
        formula=f.seat_utilization_change,
    ),
    Feature(
        name="event_concentration",
        unit="share",
        windows=(30,),
        label="Concentration of use on few event types, 30 days",
        subject="how concentrated use is",
        meaning="sum of the squared shares of event types among the events of 30 days (1: one type only); "
        "unknown without events",
        wording=s.concentration,
        formula=f.distinct(Distinct.CONCENTRATION_30),
    ),
    Feature(
        name="event_mix_shift",
        unit="share",
        windows=(30, 90),
        label="Change of the mix of events, against the 60 days before",
        subject="how the mix of events changed",
        meaning="half the sum of absolute differences between event types' shares of 30 days and of the 60 "
        "days before (0: the same, 1: all others); unknown without events in either",
        wording=s.share("of the events moved to other event types, against the 60 days before"),
        formula=f.distinct(Distinct.MIX_SHIFT),
    ),
)

"""Boosters whose text was changed: what training makes rarely or never, as LightGBM reads it."""

import re
from collections.abc import Callable

import lightgbm

NAN_RIGHT, NAN_LEFT = 8, 10
"""`decision_type` of a numeric split that knows missing values, by where these go."""
OTHER_DECISIONS = {0: "None", 2: "None", 4: "Zero", 6: "Zero"}
"""Those that take a missing value for 0 or zero for a missing value, and what the refusal says."""


def edited(booster: lightgbm.Booster, key: str, change: Callable[[int, str], object]) -> lightgbm.Booster:
    """The booster with each number of the lines `key=` replaced by `change(its place, its text)`."""
    place = 0

    def line(found: re.Match[str]) -> str:
        nonlocal place
        values = []
        for value in found[2].split(" "):
            values.append(str(change(place, value)))
            place += 1
        return found[1] + " ".join(values)

    text = re.sub(rf"(?m)^({key}=)(.+)$", line, booster.model_to_string())
    return lightgbm.Booster(model_str=re.sub(r"(?m)^tree_sizes=.*\n", "", text))


def without_trees(booster: lightgbm.Booster) -> lightgbm.Booster:
    """Nothing but the head and the tail."""
    text = booster.model_to_string()
    head, tail = text[: text.index("Tree=0")], text[text.index("end of trees") :]
    return lightgbm.Booster(model_str=re.sub(r"(?m)^tree_sizes=.*\n", "", head) + tail)

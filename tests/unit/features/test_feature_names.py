"""The features' names without NumPy are those of the registry."""

import pytest
from stemtide.feature_names import feature_names
from stemtide.features.configured_features import Shape
from stemtide.features.registry import registry


@pytest.mark.parametrize("shape", [Shape(), Shape(("reports", "board"), ("exports",))])
def test_the_names_are_the_registrys(shape: Shape) -> None:
    assert feature_names(*shape) == set(registry(shape).names)

"""Settings of the simulation's tests."""

import pytest

pytest.register_assert_rewrite("tests.simulation.store_contract")

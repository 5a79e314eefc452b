"""What was acknowledged survives `kill -9`: data in a journal, the control plane in snapshots."""

from infra.local.emulator.durability.keeper import Keeper

__all__ = ["Keeper"]

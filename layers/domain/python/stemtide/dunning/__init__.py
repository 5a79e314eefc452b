"""Dunning: recover a failed payment, never twice, never wrongly."""

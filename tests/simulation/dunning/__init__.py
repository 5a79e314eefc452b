"""Dunning under every fault: seeded runs of the real steps, the synthesized state machine, and a provider."""

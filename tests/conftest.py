"""Settings of every test."""

from hypothesis import settings

# On a shared machine an example may take long without anything being wrong.
settings.register_profile("stemtide", deadline=None)
settings.load_profile("stemtide")

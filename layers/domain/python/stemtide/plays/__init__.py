"""Plays: runs of win-back and retention about an account, their offers and their outcomes."""

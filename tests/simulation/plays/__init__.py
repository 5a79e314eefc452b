"""Plays against everything that may go wrong around them."""

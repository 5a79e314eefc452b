"""Billing: what the payment provider says, told as facts, and what is done there."""

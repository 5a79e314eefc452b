"""Mappings of logs that tests make by hand to train on."""

CHURN_LOG = """
[events]
file = "events.csv"
account = "org"
user = "who"
event = "what"
timestamp = "at"
[subscriptions]
file = "terms.csv"
account = "org"
plan = "product"
start = "start"
months = "months"
{subscriptions}
[snapshots]
every_days = {every_days}
first_day = {first_day}
[population]
subscribed = true
[targets.churn]
kind = "subscription_ended"
horizon_days = 30
"""
"""Accounts with terms; `subscriptions` are more lines of that section."""

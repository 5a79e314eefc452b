"""Billing's ports on this deployment's tables."""

import time
from typing import Any

from stemtide.billing.plan_names import PlanNames
from stemtide.billing.ports import BillingPorts
from stemtide.billing.provider import PaymentProvider
from stemtide.billing.reconcile import ReconcilePorts
from stemtide.clock import ModelClock
from stemtide.config_schema import Config
from stemtide.store.account_customers import AccountCustomers
from stemtide.store.billing_books import BillingBooks
from stemtide.store.billing_events import BillingEvents
from stemtide.store.billing_objects import BillingObjects
from stemtide.store.billing_progress import BillingProgress
from stemtide.store.records import Records


def billing_ports(
    *, billing: Any, accounts: Any, provider: PaymentProvider, clock: ModelClock, config: Config
) -> BillingPorts:
    """What working off an event touches.

    Args:
        billing: boto3 Table resource of the billing table.
        accounts: that of the accounts table.
    """
    return BillingPorts(
        provider=provider,
        objects=BillingObjects(billing),
        books=BillingBooks(billing),
        account_of=AccountCustomers(accounts).account_of,
        put_facts=Records(accounts).put_facts,
        now_ms=lambda: time.time_ns() // 1_000_000,
        clock=clock,
        names=PlanNames.of(config.plans, config.billing.plans),
        account_key=config.billing.account_metadata,
    )


def reconcile_ports(billing: Any, ports: BillingPorts) -> ReconcilePorts:
    """What a reconcile touches (`billing`: boto3 Table resource of the billing table)."""
    progress = BillingProgress(billing)
    return ReconcilePorts(
        billing=ports, events=BillingEvents(billing), progress=progress.read, save=progress.save
    )

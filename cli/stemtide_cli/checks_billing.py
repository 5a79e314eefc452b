"""Does the payment provider answer, does it collect beside us, and do its events wait?"""

import time
from collections.abc import Callable, Iterator
from itertools import islice

from stemtide.as_of import as_of_text
from stemtide.billing.events import State
from stemtide.billing.provider import Json, PaymentProvider, ProviderRefusedError
from stemtide.config_billing import CollectionOwner, Provider
from stemtide.config_schema import Config
from stemtide.config_shadow import Capability
from stemtide.delivery.provider_access import NoKeyError, ProviderAccess
from stemtide.delivery.stripe_api import StripeApi
from stemtide.ports import UnavailableError
from stemtide.shadow import may_act
from stemtide.store.billing_events import BillingEvents

from stemtide_cli.checks import Check, Run
from stemtide_cli.errors import CliError
from stemtide_cli.model_options import configuration
from stemtide_cli.stack import Stack

PROVIDER = "payment provider"
COLLECTION = "collection"
LOOKED_AT = 500
"""Open invoices, the newest: one that the provider tries again is enough."""
PUT_KEY = (
    'put a restricted key with these rights into ProviderKeySecret: {"api_key": "rk_..."} (docs/billing.md)'
)
SWITCH_OFF = (
    "switch off its retries and its mails about failed payments (Stripe: Billing > Revenue recovery), "
    'or set collection_owner = "assist" in [billing] of stemtide.toml and deploy'
)
NOBODY = (
    "switch on the provider's retries (Stripe: Billing > Revenue recovery > Retries), "
    'or set collection_owner = "own" in [billing] of stemtide.toml and deploy'
)


def billing_checks(stack: Stack) -> list[Run]:
    """What to look at of the payment provider."""
    return [(PROVIDER, lambda: provider(stack)), ("billing events", lambda: events(stack))]


def provider(stack: Stack) -> Iterator[Check]:
    """Its API key is there and works, and it does not collect what we collect."""
    config = configuration()
    if config.billing.provider is Provider.NONE:
        yield Check(name=PROVIDER, state="ok", says="none is configured ([billing] of stemtide.toml)")
    else:
        yield from looked_at(lambda: connected(stack), owner_of(config))


def connected(stack: Stack) -> PaymentProvider:
    """The provider's client, with the key that the functions have.

    Raises:
        CliError: the stack names none.
        NoKeyError: nobody has put it in yet.
    """
    if stack.payments_url is not None and stack.payments_api_key is not None:
        return StripeApi.connect(stack.payments_api_key, url=stack.payments_url)
    if stack.provider_key_secret is None:
        raise CliError(
            "stack.json names no secret with the provider's API key",
            hint="deploy again: `make up` (a real account: `make deploy`)",
        )
    client, secret = stack.client("secretsmanager"), stack.provider_key_secret
    return ProviderAccess(client=client, secret_id=secret, url="", clock=time.monotonic).provider()


def looked_at(connect: Callable[[], PaymentProvider], owner: CollectionOwner) -> Iterator[Check]:
    """What a look at the provider's open invoices shows."""
    try:
        found = list(islice(connect().invoices(status="open"), LOOKED_AT))
    except NoKeyError as error:
        yield Check(name=PROVIDER, state="fail", says=str(error), do=PUT_KEY)
    except ProviderRefusedError as error:
        says = f"refuses the API key or a read with it ({error.status}): {error}"
        yield Check(name=PROVIDER, state="fail", says=says, do=PUT_KEY)
    except UnavailableError as error:
        do = "run `make up` again (AWS: see the provider's status page); events wait meanwhile"
        yield Check(name=PROVIDER, state="fail", says=f"does not answer: {_first_line(error)}", do=do)
    else:
        yield Check(name=PROVIDER, state="ok", says="the API key works")
        yield collection(found, owner)


def owner_of(config: Config) -> CollectionOwner:
    """Who collects: while dunning is in shadow it only looks on, whatever is configured."""
    acts = may_act(Capability.DUNNING, shadow=config.shadow).act
    return config.billing.collection_owner if acts else CollectionOwner.OBSERVE


def collection(open_invoices: list[Json], owner: CollectionOwner) -> Check:
    """Whether exactly one of the provider and us collects.

    Only an invoice of which a payment has failed tells: before that, the provider is about to try it first
    whoever collects.
    """
    failed = [one for one in open_invoices if _has_failed(one)]
    theirs = [one for one in failed if one.get("next_payment_attempt")]
    count, set_to = f"{len(failed):,} unpaid invoices", f'collection_owner is "{owner}"'
    if owner is CollectionOwner.OWN and theirs:
        first = min(theirs, key=lambda one: int(one["next_payment_attempt"]))
        at = as_of_text(int(first["next_payment_attempt"]) * 1000)
        says = (
            f"{set_to}, but of {count} the provider itself tries {len(theirs):,} again "
            f"({first['id']} at {at}): they are left to it, and it may write to customers, too"
        )
        return Check(name=COLLECTION, state="warn", says=says, do=SWITCH_OFF)
    if owner is not CollectionOwner.OWN and failed and not theirs:
        says = f"{set_to}, and of {count} the provider tries none again"
        return Check(name=COLLECTION, state="warn", says=says, do=NOBODY)
    says = f"{set_to}; of {count} the provider tries {len(theirs):,} again"
    return Check(name=COLLECTION, state="ok", says=says)


def events(stack: Stack) -> Iterator[Check]:
    """The provider's events are worked off."""
    if "billing" not in stack.tables:
        raise CliError("stack.json names no billing table", hint="deploy again: `make up` or `make deploy`")
    kept = BillingEvents(stack.table("billing"))
    waiting = {state: sum(1 for _ in kept.open(state)) for state in State}
    parked = waiting[State.UNMAPPED] + waiting[State.FAILED]
    says = (
        f"{waiting[State.PENDING]:,} wait, {waiting[State.UNMAPPED]:,} are of nobody's customer, "
        f"{waiting[State.FAILED]:,} are of no use"
    )
    do = "`stemtide billing list` names them and why" if parked else None
    yield Check(name="billing events", state="warn" if parked else "ok", says=says, do=do)


def _has_failed(invoice: Json) -> bool:
    """Whether a payment that the provider makes by itself has failed; bills to be paid by hand have none."""
    automatic = invoice.get("collection_method") == "charge_automatically"
    return automatic and int(invoice.get("attempt_count") or 0) > 0


def _first_line(error: Exception) -> str:
    """What a client says first: some of them add pages of advice."""
    return next(iter(str(error).splitlines()), type(error).__name__)

"""What must be true once everything has come to rest."""

from collections import Counter
from collections.abc import Iterator

from stemtide.mail.message import mail_key
from stemtide.mail.outcomes import Deferred, Duplicate, Outcome, Reason, Refused, Sent, Unknown

from tests.simulation.mail.story import story
from tests.simulation.mail.world import World

AS_OF_THE_MOMENT = (Reason.BUSY, Reason.IN_FLIGHT)


def told(seed: int) -> World:
    """The world after a seed's story."""
    world = World(story(seed))
    world.run()
    return world


def outcome(seed: int) -> list[str]:
    """What is wrong at the end of a seed's story; what happened follows it."""
    world = told(seed)
    wrong = [*world.watch.wrong, *_sent(world), *_accounted(world), *_counted(world)]
    return [*wrong, f"seed {seed}:", *world.history] if wrong else []


def _sent(world: World) -> Iterator[str]:
    """No mail went out twice, none without a claim, none that its row does not know of."""
    accepted = Counter((claim.asked.account, claim.asked.key) for _, claim in world.accepted)
    for (account, key), times in accepted.items():
        if times > 1:
            yield f"mail {key} of {account} was sent {times} times"
        if (account, key) not in world.watch.claims:
            yield f"mail {key} of {account} was sent without a claim"
        row = world.tables.items.get(("contacts", f"account#{account}", f"mail#{key}"), {})
        if row.get("state") not in ("sent", "unknown"):
            yield f"mail {key} of {account} was sent, but its row says {row.get('state')}"
    for message_id, claim in world.accepted:
        place = ("contacts", f"account#{claim.asked.account}", f"mail#{claim.asked.key}")
        if message_id in world.noticed and world.tables.items[place]["state"] != "sent":
            yield f"a notice has proved message {message_id}, but its mail is not told as sent"


def _accounted(world: World) -> Iterator[str]:
    """Each request has an end that says what became of it, and the timeline tells the same."""
    sent = Counter((claim.asked.account, claim.asked.key) for _, claim in world.accepted)
    for n, request in enumerate(world.story.requests):
        last = world.outcomes[n][-1]
        times = sent[request.account, mail_key(request)]
        if isinstance(last, Sent | Duplicate) and times != 1:
            yield f"request {n} ends as {last}, but was sent {times} times"
        if isinstance(last, Deferred | Refused) and times:
            yield f"request {n} ends as {last}, but was sent"
        if isinstance(last, Unknown) and not world.doubtful:
            yield f"request {n} ends as {last}, but SES has answered and nothing was lost"
        if isinstance(last, Deferred) and last.reason in AS_OF_THE_MOMENT:
            yield f"request {n} ends as {last} when nothing goes wrong any more"
        if not _is_told(world, last, request.account, mail_key(request)):
            yield f"request {n} ends as {last}, which the timeline does not tell"
    for (table, _, sk), item in world.tables.items.items():
        if table == "contacts" and sk.startswith("mail#") and item["state"] == "claimed":
            yield f"{sk} is claimed for ever"


def _is_told(world: World, last: Outcome, account: str, key: str) -> bool:
    kinds = {
        Sent: "mail_sent",
        Duplicate: "mail_sent",
        Unknown: "mail_unknown",
        Deferred: "mail_deferred",
        Refused: "mail_refused",
    }
    reason = None if isinstance(last, Sent | Duplicate) else last.reason
    return any(
        note.kind == kinds[type(last)] and note.about == key and note.reason == reason
        for note in world.store.notes(account)
    )


def _counted(world: World) -> Iterator[str]:
    """Campaigns count exactly the mails that were, or may have been, sent; and what came of them."""
    counted: Counter[tuple[str, str, str]] = Counter()
    wanted: Counter[tuple[str, str, str]] = Counter()
    for (_, pk, sk), item in world.tables.items.items():
        if sk.startswith("counts#"):
            run = sk.split("#")[1]
            for name in ("mails", "bounces", "complaints"):
                counted[pk, run, name] += item.get(name, 0)
        if sk.startswith("mail#") and item["state"] != "refused":
            place = f"campaign#{item['campaign']}", f"{item['run']:06d}"
            wanted[*place, "mails"] += 1
            wanted[*place, "bounces"] += "bounced" in item
            wanted[*place, "complaints"] += "complained" in item
    if +counted != +wanted:
        yield f"campaigns count {dict(+counted)}, but there are {dict(+wanted)}"

"""Coupons and promotion codes: who may redeem them, what they take off, when they end."""

from payments import money, pricing
from payments.calendar import after
from payments.errors import ApiError, invalid
from payments.params import Params
from payments.shapes import catalog
from payments.store import Object
from payments.world import World


def redeemed(world: World, rows: list[Params], *, customer: Object, currency: str) -> list[str]:
    """New discounts of a customer for coupons and promotion codes (ids of what was there are kept).

    Raises:
        ApiError: one of them cannot be redeemed; nothing is changed then.
    """
    checked = [_checked(world, row, customer=customer, currency=currency) for row in rows]
    return [found if isinstance(found, str) else _discount(world, *found, customer) for found in checked]


def _checked(
    world: World, row: Params, *, customer: Object, currency: str
) -> str | tuple[Object, Object | None]:
    row.only(frozenset({"coupon", "promotion_code", "discount"}))
    if row.has("discount"):
        return str(
            world.store.need("discount", row.needed_text("discount"), param=row.name("discount"))["id"]
        )
    promotion = None
    if row.has("promotion_code"):
        param = row.name("promotion_code")
        promotion = world.store.need("promotion_code", row.needed_text("promotion_code"), param=param)
        _check_promotion(world, promotion, customer, param)
        coupon = world.store.need("coupon", promotion["promotion"]["coupon"], param=param)
    else:
        coupon = world.store.need("coupon", row.needed_text("coupon"), param=row.name("coupon"))
    _check_coupon(coupon, currency, at=world.now, param=row.path)
    return coupon, promotion


def _check_promotion(world: World, promotion: Object, customer: Object, param: str) -> None:
    expires = promotion["expires_at"]
    if not promotion["active"] or (expires is not None and expires <= world.now):
        raise _unusable("This promotion code is expired or not active.", param)
    if promotion["customer"] not in (None, customer["id"]):
        raise _unusable("This promotion code cannot be redeemed by this customer.", param)
    if promotion["restrictions"]["first_time_transaction"]:
        charges = world.store.of("charge", "customer", customer["id"])
        if any(charge["paid"] for charge in charges):
            raise _unusable(
                "This promotion code cannot be redeemed because the associated customer has prior "
                "transactions.",
                param,
            )


def _check_coupon(coupon: Object, currency: str, *, at: int, param: str) -> None:
    ended = coupon["redeem_by"] is not None and coupon["redeem_by"] <= at
    if coupon.get("_deleted") or not coupon["valid"] or ended:
        raise invalid(f"Coupon expired: {coupon['id']}", code="coupon_expired", param=param)
    if coupon["amount_off"] is not None and pricing.amount_off(coupon, currency) is None:
        raise invalid(
            f"The coupon {coupon['id']} is in {coupon['currency']}, this is in {currency}.", param=param
        )


def _unusable(message: str, param: str) -> ApiError:
    return invalid(message, param=param)


def _discount(world: World, coupon: Object, promotion: Object | None, customer: Object) -> str:
    for used in (coupon, promotion):
        if used is not None:
            times = used["times_redeemed"] + 1
            spent = used["max_redemptions"] is not None and times >= used["max_redemptions"]
            flag = "valid" if used is coupon else "active"
            world.change(used, None, times_redeemed=times, **{flag: used[flag] and not spent})
    months = coupon["duration_in_months"] if coupon["duration"] == "repeating" else None
    discount = catalog.discount(
        world.new_id("di"),
        start=world.now,
        end=None if months is None else after(world.now, "month", months),
        customer=customer["id"],
        coupon=coupon["id"],
        promotion_code=None if promotion is None else promotion["id"],
    )
    return str(world.put(discount)["id"])


def taken_off(
    world: World, lines: list[Object], discounts: list[str], currency: str
) -> list[list[tuple[str, int]]]:
    """What is taken off each line: its own discounts first, then those of the invoice, each of what the ones
    before it have left of the products that it is for, never more than that."""
    off: list[list[tuple[str, int]]] = [[] for _ in lines]
    left = [line["amount"] for line in lines]
    for place, line in enumerate(lines):
        for discount in line["discounts"]:
            _take(world, discount, [place], off, left, lines, currency)
    for discount in discounts:
        _take(world, discount, list(range(len(lines))), off, left, lines, currency)
    return off


def _take(
    world: World,
    discount_id: str,
    places: list[int],
    off: list[list[tuple[str, int]]],
    left: list[int],
    lines: list[Object],
    currency: str,
) -> None:
    """Take one discount off the lines at some places, in proportion; the last takes what rounding leaves."""
    discount = world.store.need("discount", discount_id)
    if discount["end"] is not None and discount["end"] <= world.now:
        return
    coupon = world.store.need("coupon", discount["source"]["coupon"])
    hit = [place for place in places if _is_for(coupon, lines[place])]
    whole = sum(left[place] for place in hit)
    rest = amount = _worth(coupon, whole, currency)
    for place in hit:
        part = rest if place == hit[-1] else amount * left[place] // whole if whole else 0
        rest -= part
        off[place].append((discount_id, part))
    for place in hit:
        left[place] -= off[place][-1][1]


def _is_for(coupon: Object, line: Object) -> bool:
    limited = coupon.get("_applies_to")
    sold = line["pricing"]["price_details"]["product"] if line["pricing"] else None
    return limited is None or sold in limited["products"]


def _worth(coupon: Object, whole: int, currency: str) -> int:
    if coupon["percent_off"] is not None:
        return money.share(whole, coupon["percent_off"], currency)
    return min(pricing.amount_off(coupon, currency) or 0, max(whole, 0))


def lasting(world: World, discounts: list[str]) -> list[str]:
    """The discounts that go on after an invoice of now: no once, none that has ended."""
    kept = []
    for discount_id in discounts:
        discount = world.store.need("discount", discount_id)
        coupon = world.store.need("coupon", discount["source"]["coupon"])
        if coupon["duration"] != "once" and (discount["end"] is None or discount["end"] > world.now):
            kept.append(discount_id)
    return kept

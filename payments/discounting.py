"""Coupons and promotion codes: who may redeem them, what they take off, when they end."""

from payments import money
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
    if coupon["amount_off"] is not None and coupon["currency"] != currency:
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


def taken_off(world: World, discounts: list[str], subtotal: int, currency: str) -> list[tuple[str, int]]:
    """What each of the discounts that have not ended takes off an amount, in order, never more than it."""
    left, result = subtotal, []
    for discount_id in discounts:
        discount = world.store.need("discount", discount_id)
        if discount["end"] is not None and discount["end"] <= world.now:
            continue
        coupon = world.store.need("coupon", discount["source"]["coupon"])
        if coupon["percent_off"] is not None:
            amount = money.share(left, coupon["percent_off"], currency)
        else:
            amount = min(coupon["amount_off"], max(left, 0))
        left -= amount
        result.append((discount_id, amount))
    return result


def lasting(world: World, discounts: list[str]) -> list[str]:
    """The discounts that go on after an invoice of now: no once, none that has ended."""
    kept = []
    for discount_id in discounts:
        discount = world.store.need("discount", discount_id)
        coupon = world.store.need("coupon", discount["source"]["coupon"])
        if coupon["duration"] != "once" and (discount["end"] is None or discount["end"] > world.now):
            kept.append(discount_id)
    return kept

"""Customers, their cards and their balance."""

from typing import Any, Final

Object = dict[str, Any]

BRANDS: Final = {"4": "visa", "5": "mastercard", "3": "amex", "6": "discover"}
CHECKS: Final = {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"}
NO_ADDRESS: Final = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))
NO_BILLING: Final = {"address": NO_ADDRESS, "email": None, "name": None, "phone": None, "tax_id": None}


def customer(object_id: str, *, created: int, prefix: str) -> Object:
    return {
        "id": object_id,
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": created,
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "invoice_prefix": prefix,
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }


def payment_method(object_id: str, *, created: int, number: str, exp_month: int, exp_year: int) -> Object:
    brand = BRANDS.get(number[0], "visa")
    return {
        "id": object_id,
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": NO_BILLING,
        "card": {
            "brand": brand,
            "checks": CHECKS,
            "country": "US",
            "display_brand": brand,
            "exp_month": exp_month,
            "exp_year": exp_year,
            "fingerprint": f"loc{number[:6]}{number[-4:]}",
            "funding": "credit",
            "generated_from": None,
            "last4": number[-4:],
            "networks": {"available": [brand], "preferred": None},
            "regulated_status": "unregulated",
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        },
        "created": created,
        "customer": None,
        "customer_account": None,
        "livemode": False,
        "metadata": {},
        "type": "card",
    }


def balance_transaction(
    object_id: str, *, created: int, customer: Object, amount: int, kind: str, invoice: str | None
) -> Object:
    """A change of a customer's balance; a negative amount is credit."""
    return {
        "id": object_id,
        "object": "customer_balance_transaction",
        "amount": amount,
        "checkout_session": None,
        "created": created,
        "credit_note": None,
        "currency": customer["currency"],
        "customer": customer["id"],
        "customer_account": None,
        "description": None,
        "ending_balance": customer["balance"],
        "invoice": invoice,
        "livemode": False,
        "metadata": {},
        "type": kind,
    }


def portal_session(
    object_id: str, *, created: int, customer: str, url: str, return_url: str | None
) -> Object:
    return {
        "id": object_id,
        "object": "billing_portal.session",
        "configuration": "bpc_Local",
        "created": created,
        "customer": customer,
        "customer_account": None,
        "flow": None,
        "livemode": False,
        "locale": None,
        "on_behalf_of": None,
        "return_url": return_url,
        "url": url,
    }

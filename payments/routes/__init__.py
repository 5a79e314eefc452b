"""The routes of the API, by resource; importing this registers them."""

from payments.routes import billing, catalog, customers, invoices, money, subscriptions

__all__ = ["billing", "catalog", "customers", "invoices", "money", "subscriptions"]

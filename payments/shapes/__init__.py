"""New objects in the shape that Stripe's API (version 2026-10-28.endive) gives them."""

API_VERSION = "2026-10-28.endive"

"""A stand-in for Stripe on this machine: the API's routes, its behaviour in time, and a control surface.

It shares no decision code with the product, so that a mistake there is not repeated here.
"""

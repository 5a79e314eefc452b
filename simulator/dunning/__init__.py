"""A world of failed payments that a policy of dunning is tried on; the product knows none of it.

`assumptions` says how such payments are, `failures` draws some, `past` reads real ones, `collecting` lets the
product's own decision collect each over simulated time, `summary` counts what came of it.
"""

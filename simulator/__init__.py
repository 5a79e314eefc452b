"""A seeded B2B SaaS customer base: demo and load material, never evidence of model quality.

`base` makes one account after the other (`customer` its traits, `causes` its hidden story, `contract` its
terms, `activity` and `support` its events), `writing` a log folder of them.
"""

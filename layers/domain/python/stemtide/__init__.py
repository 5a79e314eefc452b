"""Stemtide's domain package: the one place for what events mean and what follows from them.

Everything that decides is pure (no clock, no I/O, no boto3); only the `store` and `delivery`
subpackages talk to AWS.
"""

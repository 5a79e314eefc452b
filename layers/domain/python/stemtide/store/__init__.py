"""The stores: the only modules, with `delivery`, that talk to AWS. They take boto3 objects as arguments."""

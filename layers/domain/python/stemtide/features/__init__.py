"""The features: declared once, computed by one kernel for one account or for all."""

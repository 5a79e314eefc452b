"""The event stream, its two consumers and everything that goes wrong between them, in memory and repeatable.

One seed is one run: records, reshards, deliveries and faults follow from it alone. The product's handlers
are the real ones; what is around them is written from AWS's documents and shares no decision with them.
"""

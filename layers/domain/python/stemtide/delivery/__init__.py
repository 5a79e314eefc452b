"""What leaves the product. Talks to AWS through clients that the handlers hand in."""

"""From a feature vector to a score that a person can read."""

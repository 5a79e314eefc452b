"""`make bench`: what the README's figures are measured with; writes `build/bench.json`."""

"""`make demo`: a simulated customer base through the real stack on a local cloud of its own, and a report.

`story` is the table of contents: its stages in order. `program` runs the public command line, `web` asks the
public HTTP API; nothing here reads a table or the simulator's hidden causes.
"""

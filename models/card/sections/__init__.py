"""The sections of a card: what is said, in which order, before it is HTML or Markdown."""

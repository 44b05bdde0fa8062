"""`targets/*.yaml` become targets; selection, placeholders, and the reasons why something cannot be probed."""

"""Random networks with and without interceptors, and what the judgement makes of them."""

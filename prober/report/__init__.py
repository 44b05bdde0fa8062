"""Run documents and what people read of them."""

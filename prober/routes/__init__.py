"""Texts that name proxies become routes."""

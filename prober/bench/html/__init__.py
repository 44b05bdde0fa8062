"""A benchmark as one HTML file with charts, which needs nothing from elsewhere. Pure."""

"""The monitor's state as Prometheus reads it: series made when they are asked for, and their text."""

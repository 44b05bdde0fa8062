"""PAC scripts run in a process of their own, with limits, and without anything but what they are handed."""

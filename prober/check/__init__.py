"""One run from settings to document: plan, probe, judge, findings."""

"""The page that `debug=true` answers with: the log of the probe, its metrics, its module. Without secrets."""

from __future__ import annotations

import yaml

from prober.monitor.blackbox.logbook import Logbook
from prober.monitor.blackbox.modules import ReadyModule


def debug_text(logbook: Logbook, metrics: str, ready: ReadyModule) -> str:
    """With blackbox_exporter's headings, which people search for."""
    module = yaml.safe_dump(
        ready.module.model_dump(mode="json", exclude_defaults=True), sort_keys=False, allow_unicode=False
    )
    return (
        f"Logs for the probe:\n{logbook.text()}\n\n\n"
        f"Metrics that would have been returned:\n{metrics}\n\n\n"
        f"Module configuration:\n{module}"
    )

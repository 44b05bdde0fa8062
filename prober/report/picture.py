"""How the picture of the table looks: a frame for rich's own text, and its colours."""

from __future__ import annotations

from typing import Final

from rich.terminal_theme import TerminalTheme

SVG_FORMAT: Final = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{
  font-family: ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace;
  font-size: {char_height}px;
  line-height: {line_height}px;
}}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix" xml:space="preserve">
{matrix}
</g>
</g>
</svg>
"""
SVG_THEME: Final = TerminalTheme(
    (22, 27, 34),
    (214, 220, 227),
    [
        (72, 79, 88), (248, 113, 105), (86, 211, 100), (227, 179, 65),
        (88, 166, 255), (219, 140, 245), (86, 200, 214), (177, 186, 196),
    ],
)  # fmt: skip

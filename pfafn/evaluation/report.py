"""report.html: the evaluation on one page that needs nothing beside it."""

import base64
import json
from html import escape
from pathlib import Path
from typing import Any

from pfafn.evaluation.metrics import ABOUT, NAMES, TITLES, table

DEFINITIONS = (
    ("SSIM", "structural similarity, 11×11 Gaussian window, on RGB in 0..1, mean over samples"),
    ("PSNR", "of 8-bit RGB in 0..1, mean of the samples' values; equal pictures count 100 dB"),
    (
        "PSNR, clothes",
        "the same inside the clothes: where the new garment truly shows or the old one was",
    ),
    ("Mask IoU", "warped garment mask above 0.5 against where the garment truly shows"),
    ("Flow error", "mean distance in pixels between the flow and the true one, where it shows"),
)
PUBLISHED = (
    "Published numbers are FID on VITON's 2,032 unpaired test pairs at 256×192: CP-VTON 24.43, "
    "ACGPN 15.67, PF-AFN 10.09, FS-VTON 8.89 (as their papers give them; not measured here). On "
    "VITON-Clean's 416 pairs PF-AFN is 27.3. Numbers of different protocols never compare."
)
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 1180px; margin: 2rem auto;
       padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: 0; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
table { border-collapse: collapse; } th, td { padding: .35rem .9rem; text-align: right; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
thead th { border-bottom: 2px solid #1f4e79; font-weight: 600; }
tbody tr { border-bottom: 1px solid #e3e6ea; } tr.student td { font-weight: 600; }
.pale { color: #667; } img { max-width: 100%; height: auto; } code { font-size: .85em; }
dt { font-weight: 600; float: left; clear: left; width: 9rem; } dd { margin-left: 9.5rem; }
"""


def html(folder: Path) -> str:
    """The page for an evaluation folder that holds metrics.json, protocol.json and the pictures."""
    metrics = json.loads((folder / "metrics.json").read_text())
    protocol = json.loads((folder / "protocol.json").read_text())
    tables = [section(name, metrics) for name in ABOUT if name in metrics]
    pictures = [
        picture(title, folder / name)
        for title, name in (
            ("Try-ons, unpaired", "grid.png"),
            ("Training curves", "curves.png"),
        )
        if (folder / name).is_file()
    ]
    definitions = "".join(f"<dt>{escape(t)}</dt><dd>{escape(d)}</dd>" for t, d in DEFINITIONS)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>Evaluation</title><style>{STYLE}</style></head><body>\n"
        f"<h1>Evaluation</h1>\n{headline(protocol)}\n"
        + "\n".join([*tables, *pictures])
        + f"\n<h2>What the numbers are</h2><dl>{definitions}</dl>\n"
        f'<p class="pale">{escape(PUBLISHED)}</p>\n</body></html>\n'
    )


def headline(protocol: dict[str, Any]) -> str:
    """Protocol, sizes and the hashes that tell whether two evaluations compare."""
    height, width = protocol["image"]
    pairs, pictures = protocol["pairs"][:12], protocol["pictures"][:12]
    return (
        f'<p class="pale">Protocol {escape(protocol["name"])} version {protocol["version"]}: '
        f"{protocol['persons']} test persons at {height}×{width}, pair list "
        f"<code>{pairs}</code>, pictures <code>{pictures}</code>. "
        "Two models compare only where all of these agree.</p>"
    )


def section(protocol: str, metrics: dict[str, Any]) -> str:
    """A protocol's table: a row per model, a column per metric that any of them has."""
    shown, rows = table(metrics[protocol])
    counts = metrics["counts"][protocol]
    title = f"<h2>{protocol.capitalize()}, {counts['pairs']} pairs</h2><p>{ABOUT[protocol]}</p>"
    if not shown:
        return title
    head = "".join(f"<th>{TITLES[name]}</th>" for name in shown)
    body = "".join(
        f'<tr class="{model}"><td>{NAMES[model]}</td>'
        + "".join(f"<td>{value}</td>" for value in values)
        + f"<td>{counts.get(model, 0)}</td></tr>"
        for model, values in rows.items()
    )
    return (
        f"{title}<table><thead><tr><th>Model</th>{head}<th>Scored</th></tr></thead>"
        f"<tbody>{body}</tbody></table>"
    )


def picture(title: str, path: Path) -> str:
    """A picture inside the page."""
    data = base64.b64encode(path.read_bytes()).decode()
    return f'<h2>{title}</h2><img alt="{title}" src="data:image/png;base64,{data}">'

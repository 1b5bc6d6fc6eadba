"""Say how far a plan is: ``python workflow/time_left.py PLAN.json FOLDER ID``.

FOLDER has a file ``<id>.done`` for each chunk that is done, and ID has just become so.  What is left takes as long, for
each second that was estimated, as what is behind us took; so it does not matter how many machines there are.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path


def sentence(plan: Path, folder: Path, id: str, now: float) -> str:
    """Chunks done, work done, time left."""
    seconds = {chunk["id"]: chunk["seconds"] for chunk in json.loads(plan.read_text())["chunks"]}
    done = [one for one in seconds if one == id or (folder / f"{one}.done").exists()]
    total, behind = sum(seconds.values()), sum(seconds[one] for one in done)
    said = f"{len(done)} of {len(seconds)} chunks"
    if not behind:
        return said
    minutes = (total - behind) / behind * max(now - plan.stat().st_mtime, 0.0) / 60
    left = f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"
    return f"{said}, {behind / total:.0%} of the work, about {left} left"


if __name__ == "__main__":
    print(sentence(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], time.time()), file=sys.stderr)

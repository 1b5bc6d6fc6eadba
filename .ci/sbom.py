"""Write a bill of materials of an environment: ``python3 -I .ci/sbom.py FILE COMMAND...``.

The command prints one as CycloneDX JSON.  Where on this machine the project lies is nobody's business: references to
local files are left out.
"""

import json
import subprocess
import sys
from pathlib import Path


def without_places(bom):
    """A bill without references to files of this machine."""
    for component in bom.get("components", []):
        references = [one for one in component.get("externalReferences", []) if not one["url"].startswith("file:")]
        component.pop("externalReferences", None)
        if references:
            component["externalReferences"] = references
    return bom


def main(file, *command):
    """The exit code of the command; where it fails, or prints no bill, no file is written or replaced.

    Whether one can be written is tried first.
    """
    place = Path(file)
    partial = place.with_name(f"{place.name}.partial")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(bytes(1 << 20))
        partial.unlink()
    except OSError as error:
        print(f"{file} cannot be written ({error.strerror or error})", file=sys.stderr)
        return 2
    result = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if result.returncode != 0:
        return result.returncode
    bom = without_places(json.loads(result.stdout))
    if bom.get("bomFormat") != "CycloneDX" or not bom.get("components"):
        return f"{command[0]} printed no bill of materials"
    partial.write_text(json.dumps(bom, indent=1) + "\n", encoding="utf-8")
    partial.replace(place)
    print(f"{file}: {len(bom['components'])} packages")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

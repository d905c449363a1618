"""Print the oldest versions that pyproject.toml allows of what pvdopt needs, as constraints for pip."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path


def read_oldest(text: str) -> dict[str, str]:
    """Return by name the version after the first ``>=`` of each dependency, extras too but those for development."""
    project = tomllib.loads(text)["project"]
    extras = project["optional-dependencies"]
    lines = [*project["dependencies"], *(line for name, part in extras.items() if name != "dev" for line in part)]
    found = {}
    for line in lines:
        match = re.match(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?\s*>=\s*([0-9.]+)", line)
        if match is None:
            raise SystemExit(f"{line}: must say from which version on")
        found[match[1]] = match[2]
    return found


if __name__ == "__main__":
    here = Path(__file__).resolve().parent.parent / "pyproject.toml"
    for name, version in read_oldest(here.read_text(encoding="utf-8")).items():
        print(f"{name}=={version}")

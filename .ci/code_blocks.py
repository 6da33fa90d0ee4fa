"""Run the ```python blocks of Markdown files, each file's blocks in one namespace and one process.

A block whose first line is `# not run: REASON` is shown but left out, as is a ```python MODULE block where that module
isn't installed. The blocks are our own documentation, not input.
"""

import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
BLOCK = re.compile(r"^```python *(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def main(files: list[str]) -> int:
    """Run every file's blocks; return 1 if any fails."""
    failures = 0
    for name in files:
        found = BLOCK.findall(Path(name).read_text(encoding="utf-8"))
        blocks = [code for needs, code in found if "# not run:" not in code and is_installed(needs)]
        for needs in {needs for needs, _ in found if not is_installed(needs)}:
            print(f"{name}: a code block is left out, {needs} isn't installed", flush=True)
        if not blocks:
            continue
        with tempfile.TemporaryDirectory() as folder:
            # Elsewhere, so that a block leaves nothing here. What is not installed, the tests, is found by the path.
            result = subprocess.run([sys.executable, "-c", "\n".join(blocks)], cwd=folder, env=ENVIRONMENT)
        print(f"{name}: {len(blocks)} code blocks, {'ok' if result.returncode == 0 else 'FAILED'}", flush=True)
        failures += result.returncode != 0
    return 1 if failures else 0


def is_installed(module: str) -> bool:
    """Return whether a module can be imported; no name stands for none that is needed."""
    return not module or importlib.util.find_spec(module) is not None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

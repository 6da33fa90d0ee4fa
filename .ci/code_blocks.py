"""Run the ```python blocks of Markdown files, each file's blocks in one namespace and one process.

A block whose first line is `# not run: REASON` is shown but left out. The blocks are our own documentation, not input.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def main(files: list[str]) -> int:
    """Run every file's blocks; return 1 if any fails."""
    failures = 0
    for name in files:
        blocks = [block for block in BLOCK.findall(Path(name).read_text(encoding="utf-8")) if "# not run:" not in block]
        if not blocks:
            continue
        with tempfile.TemporaryDirectory() as folder:
            result = subprocess.run([sys.executable, "-c", "\n".join(blocks)], cwd=folder)
        print(f"{name}: {len(blocks)} code blocks, {'ok' if result.returncode == 0 else 'FAILED'}", flush=True)
        failures += result.returncode != 0
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

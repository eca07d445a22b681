"""Execute the notebooks anew and keep what they show: ``python .ci/notebooks.py [NAME …]``.

Each runs with an empty folder, cache and settings of its own, on one thread. Kept are printed text and
pictures, as PNG of few colours; progress bars, warnings and what names this run of the kernel are not. Of
paths in a notebook's own temporary folder, what follows it.
"""

import base64
import io
import os
import re
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from PIL import Image

FOLDER = Path(__file__).parents[1] / "notebooks"
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
NUM_COLOURS = 64
"""Of each picture: enough for flat drawings, and a third of the size."""
OWN = ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "VIDMASK_CACHE", "TMPDIR")
"""Places that each run has to itself."""


def execute(notebook: nbformat.NotebookNode) -> str:
    """Run a notebook in place, and return where its temporary folders lay."""
    with tempfile.TemporaryDirectory() as folder:
        places = {name: str(Path(folder, name.lower())) for name in (*OWN, "work")}
        for place in places.values():
            Path(place).mkdir()
        os.environ.update({name: places[name] for name in OWN}, OMP_NUM_THREADS="1")
        os.environ.pop("VIDMASK_RUNS", None)
        NotebookClient(
            notebook,
            timeout=600,
            kernel_name="python3",
            record_timing=False,
            resources={"metadata": {"path": places["work"]}},
        ).execute()
    return places["TMPDIR"]


def kept(output: nbformat.NotebookNode, temporary: str) -> nbformat.NotebookNode | None:
    """Return what is kept of one output; None for nothing."""

    def shortened(text: str) -> str:
        plain = re.sub(r"\x1b\[[\d;]*m", "", text)
        return re.sub(re.escape(temporary) + r"/\w+/", "", plain)

    if output.output_type == "stream":
        output.text = shortened(output.text)
        return output if output.name == "stdout" else None
    data = output.data
    if "image/png" in data:
        output.data = nbformat.NotebookNode({"image/png": few_colours(data["image/png"])})
        return output
    text = data.get("text/plain", "")
    if not text.strip() or "ipywidgets" in text or any("widget-view" in kind for kind in data):
        return None
    output.data = nbformat.NotebookNode({"text/plain": shortened(text)})
    return output


def few_colours(encoded: str) -> str:
    """Return a PNG of the same picture that is smaller."""
    picture = Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGB")
    reduced = picture.quantize(NUM_COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    reduced.save(buffer, "PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()


def main(names: list[str]) -> None:
    """Execute the notebooks of these names, or all."""
    paths = [path for path in sorted(FOLDER.glob("*.ipynb")) if not names or path.stem in names]
    for path in paths:
        started = time.monotonic()
        notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
        temporary = execute(notebook)
        notebook.metadata = nbformat.from_dict(METADATA)
        for cell in notebook.cells:
            cell.metadata = nbformat.NotebookNode()
            if cell.cell_type == "code":
                outputs = [kept(output, temporary) for output in cell.outputs]
                cell.outputs = [output for output in outputs if output is not None]
        nbformat.write(notebook, path)
        size, seconds = path.stat().st_size / 1000, time.monotonic() - started
        print(f"{path.name}: {len(notebook.cells)} cells, {size:.0f} kB, {seconds:.0f} s")


if __name__ == "__main__":
    main(sys.argv[1:])

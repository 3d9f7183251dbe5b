"""``torch.hub``: files of weights from the net, kept on disk.

Source: https://docs.pytorch.org/docs/stable/hub.html
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
import urllib.request
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlparse

from .extras import require
from .serialization import load as _read

__all__ = ["download_url_to_file", "get_dir", "load", "load_state_dict_from_url", "set_dir"]

HASH_REGEX = re.compile(r"-([a-f0-9]*)\.")  # as in resnet18-bfd8deac.safetensors
_chosen: Path | None = None


def __getattr__(name: str) -> Any:
    """`tqdm`, the progress bar, which programs import from here."""
    if name == "tqdm":
        return require("tqdm", extra="demo").tqdm
    raise AttributeError(f"module 'autograd.hub' has no attribute {name!r}")


def _get_torch_home() -> str:
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return str(Path(os.environ.get("TORCH_HOME", Path(cache) / "torch")).expanduser())


def get_dir() -> str:
    """Where files are kept: what `set_dir` said, ``$TORCH_HOME/hub``, or ``~/.cache/torch/hub``."""
    return str(_chosen or Path(_get_torch_home()) / "hub")


def set_dir(d: Any) -> None:
    """Keep files in this folder."""
    global _chosen
    _chosen = Path(d).expanduser()


def download_url_to_file(url: str, dst: Any, hash_prefix: str | None = None, progress: bool = True) -> None:
    """Fetch a file; it is at `dst` only once it is whole.

    Args:
        hash_prefix: what its SHA-256 has to begin with.
        progress: accepted for PyTorch's sake.

    Raises:
        RuntimeError: the hash is another.
    """
    target = Path(dst).expanduser()
    with (
        urllib.request.urlopen(urllib.request.Request(url, headers={"User-Agent": "gradloom"})) as source,
        tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as part,
    ):
        shutil.copyfileobj(source, part)
    try:
        found = hashlib.sha256(Path(part.name).read_bytes()).hexdigest()
        if not found.startswith(hash_prefix or ""):
            raise RuntimeError(f'invalid hash value (expected "{hash_prefix}", got "{found}") of {url}')
        os.replace(part.name, target)
    finally:
        Path(part.name).unlink(missing_ok=True)


def load_state_dict_from_url(
    url: str,
    model_dir: Any = None,
    map_location: Any = None,
    progress: bool = True,
    check_hash: bool = False,
    file_name: str | None = None,
    weights_only: bool = False,
) -> Any:
    """The values in a safetensors file on the net, which is fetched once.

    Args:
        model_dir: folder to keep it in; ``get_dir()/checkpoints`` unless given.
        check_hash: the end of its name, ``name-<hash>.safetensors``, is the beginning of its SHA-256.
        file_name: name to keep it under.
    """
    folder = Path(get_dir()) / "checkpoints" if model_dir is None else Path(model_dir)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / (file_name or os.path.basename(urlparse(url).path))
    if not file.exists():
        found = HASH_REGEX.search(file.name) if check_hash else None
        download_url_to_file(url, file, found[1] if found else None, progress)
    return _read(file, map_location)


def load(*args: Any, **kwargs: Any) -> NoReturn:
    """Not here: code from the net would be PyTorch's."""
    raise RuntimeError("gradloom has no hub.load: write the model here and load a state_dict from a safetensors file")

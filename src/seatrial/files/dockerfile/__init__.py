"""Dockerfiles: text into instructions with places, and a stage's instructions into the image's configuration.

    dockerfile = read_dockerfile(text, "Dockerfile")
    image = resolve(dockerfile, target=None, build_args={"PORT": "80"})

The language is BuildKit's (frontend/dockerfile/{parser,instructions,shell,dockerfile2llb}). Both functions are pure
and never raise: what BuildKit refuses becomes a finding, and the rest of the file is still read.
"""

from seatrial.files.dockerfile.image import DEFAULT_SHELL, Image
from seatrial.files.dockerfile.reading import read_dockerfile
from seatrial.files.dockerfile.resolving import resolve
from seatrial.files.dockerfile.syntax import (
    Directives,
    Dockerfile,
    Flag,
    Heredoc,
    Instruction,
    Pair,
    Stage,
    Word,
)

__all__ = [
    "DEFAULT_SHELL",
    "Directives",
    "Dockerfile",
    "Flag",
    "Heredoc",
    "Image",
    "Instruction",
    "Pair",
    "Stage",
    "Word",
    "read_dockerfile",
    "resolve",
]

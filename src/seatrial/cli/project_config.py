"""`seatrial config`: the compose files of a project as one document, merged and interpolated."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path


def shown(arguments: argparse.Namespace) -> str:
    """The document as YAML or JSON. The files were read before, so nothing is wrong with them."""
    from seatrial.files.compose import merged_document
    from seatrial.files.join.locate import locate

    environment = dict(os.environ)
    if arguments.project_name:
        environment["COMPOSE_PROJECT_NAME"] = arguments.project_name
    located = locate(Path(arguments.project_directory), [Path(file) for file in arguments.file], environment)
    document = merged_document(located.compose_files, environment, located.directory)
    if arguments.format == "json":
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    import yaml

    return str(yaml.safe_dump(document, sort_keys=False, allow_unicode=True))

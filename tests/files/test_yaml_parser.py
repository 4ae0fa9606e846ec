"""The compiled YAML parser by itself gives what it gives within the whole package, and leaves that whole."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
from seatrial.files import yaml_parser
from seatrial.files.compose.yaml_tree import YamlError, read_documents

def heard(text):
    try:
        return [[type(each).__name__, str(each.start_mark), str(each.end_mark)] for each in yaml_parser.events(text)]
    except yaml_parser.AnyError as error:
        return type(error).__name__, getattr(error, "character", None), str(getattr(error, "problem", ""))

texts = ["a: &x [1, 'b', *x]\\n--- |\\n c\\n", "a: [", "a:\\n\\tb: 1", "a: \\x01\\n", "\\ud7ff\\n"]
alone = [heard(text) for text in texts]
is_alone = "yaml" not in sys.modules

import yaml
assert is_alone == yaml.__with_libyaml__
yaml_parser.PARSER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
assert alone == [heard(text) for text in texts]
assert yaml.safe_load("a: [1, 2]") == {"a": [1, 2]} and yaml.safe_dump([1]) == "- 1\\n"
"""


def test_the_parser_by_itself_says_the_same_and_leaves_the_package_as_it_was() -> None:
    found = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=False)
    assert found.returncode == 0, found.stderr

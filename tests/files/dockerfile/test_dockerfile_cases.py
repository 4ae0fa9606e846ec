"""Whole files against their trees, one pair of files each in `cases/`.

They exercise the obligations of BuildKit's own parser tests; a tree is written as BuildKit writes it, heredocs added.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from seatrial.files.dockerfile import Instruction, read_dockerfile
from seatrial.model.finding import Severity

CASES = sorted((Path(__file__).parent / "cases").glob("*.dockerfile"))


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def tree(instruction: Instruction) -> str:
    parts = [instruction.keyword.lower()]
    if instruction.flags:
        flags = (f"--{flag.name}" + ("" if flag.value is None else f"={flag.value}") for flag in instruction.flags)
        parts.append("[" + " ".join(map(quoted, flags)) + "]")
    if instruction.trigger is not None:
        parts.append(f"({tree(instruction.trigger)})")
    elif instruction.keyword in ("ENV", "LABEL"):
        for pair in instruction.pairs:
            assert pair.value is not None
            parts += [quoted(pair.name.text), quoted(pair.value.text), quoted("" if pair.legacy else "=")]
    else:
        parts += [quoted(word.text) for word in instruction.words]
    for heredoc in instruction.heredocs if instruction.trigger is None else ():
        marks = f"{heredoc.descriptor}{'-' * heredoc.chomp}{'' if heredoc.expand else '!'}"
        parts.append(f"<<{marks} {quoted(heredoc.name)} {quoted(heredoc.content)}")
    return " ".join(parts)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_file_is_read_as_buildkit_reads_it(path: Path) -> None:
    dockerfile = read_dockerfile(path.read_bytes(), "Dockerfile")
    found = "".join(f"({tree(each)})\n" for each in dockerfile.instructions)
    assert found == path.with_suffix(".tree").read_text(encoding="utf-8")


def test_there_are_cases() -> None:
    assert len(CASES) >= 16


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 1, "no instructions"),
        ("# only\n\n# comments\n", 1, "no instructions"),
        ("FROM a\n\nENV PATH\n", 3, "two arguments"),
        ('FROM a\nCMD ["echo", ["nested"]]\n', 2, "strings only"),
        *((f'FROM a\nCMD ["a",{other},"b"]\n', 2, "strings only") for other in ("1", "1.5", "{}", "true", "null")),
        ("FROM a\nRUN <<X\nbody\n", 2, "never closed"),
        ("# escape=x\nFROM a\n", 1, "escape character"),
        ("# escape=`\n# escape=`\nFROM a\n", 2, "only one escape"),
        ("FROM a\nLABEL x=" + "a" * 65536 + "\n", 2, "longer than 65535"),
        ("FROM a\nENV a=b c\n", 2, "can't find ="),
        ("FROM a\nENV =b\n", 2, "can't be blank"),
        ("FROM a\nHEALTHCHECK\n", 2, "at least one"),
        ("FROM a\nHEALTHCHECK CMD\n", 2, "needs a command"),
        ("FROM a\nHEALTHCHECK TCP 80\n", 2, "type 'TCP'"),
        ("FROM a\nHEALTHCHECK NONE x\n", 2, "no arguments"),
        ("FROM a\nHEALTHCHECK --interval=1x CMD y\n", 2, "--interval"),
        ("FROM a\nHEALTHCHECK --timeout=1us CMD y\n", 2, "less than 1ms"),
        ("FROM a\nHEALTHCHECK --retries=-1 CMD y\n", 2, "--retries"),
        ("FROM a\nCOPY --chmode=1 a b\n", 2, "unknown flag --chmode"),
        ("FROM a\nCOPY --chown a b\n", 2, "needs a value"),
        ("FROM a\nCOPY --link=maybe a b\n", 2, "true or false"),
        ("FROM a\nCOPY --from=x --from=y a b\n", 2, "twice"),
        ("FROM a\nCOPY a\n", 2, "source and a destination"),
        ("FROM a\nCOPY a <<X\nX\n", 2, "as its destination"),
        ("FROM a\nSHELL bash -c\n", 2, "JSON form only"),
        ("FROM a\nONBUILD ONBUILD RUN x\n", 2, "chained"),
        ("FROM a\nONBUILD FROM b\n", 2, "can't be triggered"),
        ("FROM a b\n", 1, "one or three"),
        ("FROM a AS 1st\n", 1, "invalid stage name"),
        ('FROM a\nVOLUME [" "]\n', 2, "empty string"),
        ("FROM a\nUSER\n", 2, "exactly one"),
        ("FROM a\nEXPOSE\n", 2, "at least one"),
        ("FROM a\nFORM b\n", 2, "unknown instruction: FORM"),
        ("RUN x\nFROM a\n", 1, "before the first FROM"),
        ("ARG a=1\n", 1, "no FROM"),
    ],
)
def test_what_docker_refuses_gives_a_finding_with_its_place(text: str, line: int, message: str) -> None:
    findings = read_dockerfile(text, "Dockerfile").findings
    assert [finding.place.line for finding in findings] == [line]
    assert findings[0].severity is Severity.ERROR
    assert message in findings[0].message
    assert findings[0].requirement == "syntax"


def test_reading_goes_on_behind_a_broken_instruction() -> None:
    text = "FROM a\nENV X\nRUN <<NEVER\nbody\nCMD run\nFORM b\nUSER app\n"
    dockerfile = read_dockerfile(text, "Dockerfile")
    assert [(each.keyword, each.broken) for each in dockerfile.instructions] == [
        ("FROM", False),
        ("ENV", True),
        ("RUN", True),
        ("CMD", False),
        ("FORM", True),
        ("USER", False),
    ]
    assert [finding.place.line for finding in dockerfile.findings] == [2, 3, 6]
    assert "FROM" in dockerfile.findings[2].remedy


def test_json_that_is_broken_warns_and_runs_as_a_shell_line() -> None:
    dockerfile = read_dockerfile("FROM a\nCMD ['npm', 'start']\n", "Dockerfile")
    (finding,) = dockerfile.findings
    assert finding.severity is Severity.WARNING
    assert (finding.place.line, finding.place.column) == (2, 5)
    assert dockerfile.instructions[1].argv is None


def test_an_empty_line_in_a_continuation_warns() -> None:
    (finding,) = read_dockerfile("FROM a\nRUN x \\\n\n\n y \\\n# comment\n z\n", "Dockerfile").findings
    assert (finding.severity, finding.place.line) == (Severity.WARNING, 3)


def test_directives_have_places_and_end_at_the_first_other_line() -> None:
    directives = read_dockerfile("#syntax=a/b:1 x\n# Check = skip=all\n\n# escape=`\nFROM a\n", "Dockerfile").directives
    assert directives.syntax is not None
    assert directives.check is not None
    assert (directives.syntax.value, directives.check.value, directives.escape) == ("a/b:1 x", "skip=all", None)
    place = directives.check.place
    assert place is not None
    assert (place.line, place.column, place.end_column) == (2, 11, 19)


def test_instructions_keep_the_comments_directly_above() -> None:
    dockerfile = read_dockerfile("# gone\n#\n# kept\nFROM a\n# too\n\nUSER b\n", "Dockerfile")
    assert [each.comments for each in dockerfile.instructions] == [("kept",), ("too",)]


def test_instructions_span_their_lines() -> None:
    text = "# c\nFROM a\n\nENV a=b \\\n # c\n  c=d\n# c\nRUN x \\\n\\\n\\\n  y\n"
    spans = [(each.place.line, each.place.end_line) for each in read_dockerfile(text, "Dockerfile").instructions]
    assert spans == [(2, 2), (4, 6), (8, 11)]


def test_stages_are_found_by_name_and_number() -> None:
    dockerfile = read_dockerfile("ARG A=1\nFROM a AS One\nRUN x\nFROM b\nFROM c as one\n", "Dockerfile")
    assert [(stage.name, stage.base.text, len(stage.instructions)) for stage in dockerfile.stages] == [
        ("one", "a", 1),
        ("", "b", 0),
        ("one", "c", 0),
    ]
    found = [dockerfile.stage(target) for target in ("ONE", "1", "3", "two")]
    assert [stage.index if stage else None for stage in found] == [2, 1, None, None]
    assert [each.arguments for each in dockerfile.global_arguments] == ["A=1"]

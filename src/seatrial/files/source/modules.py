"""Which file of the project a module's name leads to, by the rules of Node, TypeScript and Python.

Looks only for regular files below the build context. A name that can't be found is told apart: from outside
(`External`), or one of the project's own that isn't there or not understood (`Open`). It must never raise.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

from seatrial.files import disk
from seatrial.files.reading import read_text
from seatrial.model.errors import InputError
from seatrial.model.patterns import pattern
from seatrial.model.source import Import
from seatrial.model.values import dataclass

_ENDINGS = (".js", ".ts", ".mjs", ".cjs", ".tsx", ".jsx", ".mts", ".cts")
_OTHER_ENDINGS = (
    ".json",
    ".css",
    ".scss",
    ".node",
    ".svg",
    ".png",
    ".graphql",
    ".gql",
    ".txt",
    ".html",
    ".wasm",
    ".yml",
)
_SOURCES = {".js": (".ts", ".tsx", ".jsx"), ".mjs": (".mts",), ".cjs": (".cts",), ".jsx": (".tsx",)}
_BUILT = ("dist", "build", "out", "lib", "output", ".output", "bin", "compiled", "prod", "target")
_SOURCE_DIRECTORIES = ("src", "", "source", "server", "app", "lib")
_BUILTINS = frozenset(
    [
        "assert",
        "async_hooks",
        "buffer",
        "child_process",
        "cluster",
        "console",
        "constants",
        "crypto",
        "dgram",
        "diagnostics_channel",
        "dns",
        "domain",
        "events",
        "fs",
        "http",
        "http2",
        "https",
        "inspector",
        "module",
        "net",
        "os",
        "path",
        "perf_hooks",
        "process",
        "punycode",
        "querystring",
        "readline",
        "repl",
        "stream",
        "string_decoder",
        "sys",
        "timers",
        "tls",
        "trace_events",
        "tty",
        "url",
        "util",
        "v8",
        "vm",
        "wasi",
        "worker_threads",
        "zlib",
        "test",
        "sqlite",
        "bun",
    ]
)
_JSON_COMMENTS = pattern(r"(?m)(?:^|(?<=[\s,{}\[\]]))//[^\n]*|/\*.*?\*/", re.DOTALL)
_TRAILING = pattern(r",(\s*[}\]])")
_GENERATED = pattern(
    r"(?:^|/)(?:generated|gen|__generated__|dist|build|proto|prisma)(?:/|$)|_pb2?(?:_grpc)?$|_pb(?:\.js)?$"
)
_MAX_PACKAGES = 100


@dataclass(frozen=True, slots=True)
class Found:
    """The files (below the context) that a name leads to; more than one for Python's packages."""

    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class External:
    """A package from outside."""

    name: str


@dataclass(frozen=True, slots=True)
class Open:
    """A module of the project's own that wasn't found."""

    name: str


Resolved = Found | External | Open | None


class Modules:
    """The modules of one build context. Paths are relative to it, with slashes. `roots` are where Python looks."""

    def __init__(self, context: Path, roots: Sequence[str] = ()) -> None:
        self.context = context
        self.roots = tuple(dict.fromkeys(roots))
        self._json: dict[str, dict[str, object]] = {}
        self._is_file: dict[str, bool] = {}

    def is_file(self, path: str) -> bool:
        """Whether there is such a file below the context."""
        if path.startswith(("../", "/")) or path == "..":
            return False
        if path not in self._is_file:
            self._is_file[path] = disk.is_regular(f"{self.context}/{path}")
        return self._is_file[path]

    def resolve(self, file: str, wanted: Import, language: str) -> Resolved:
        """What this import in that file leads to; None for what is of no interest (styles, data, other code)."""
        return self._python(file, wanted) if language == "python" else self._node(file, wanted.module)

    # Node and TypeScript

    def _node(self, file: str, module: str) -> Resolved:
        if module.endswith(_OTHER_ENDINGS) or not module or "?" in module:
            return None
        directory = posixpath.dirname(file)
        if module.startswith("."):
            path = posixpath.normpath(posixpath.join(directory, module))
            found = self.script(path)
            if found is None and _GENERATED.search(path):
                return None
            return Found((found,)) if found else Open(f"{file} loads {module}")
        if module.startswith("node:") or module.partition("/")[0] in _BUILTINS:
            return External(module.removeprefix("node:"))
        return self._by_alias(directory, module) or self._package(directory, file, module)

    def script(self, path: str) -> str | None:
        """The file that this path means, with or without its ending, or as a directory."""
        stem, dot, ending = path.rpartition(".")
        if self.is_file(path) and path.endswith(_ENDINGS):
            return path
        candidates = [path + each for each in _ENDINGS]
        candidates += [stem + each for each in _SOURCES.get(dot + ending, ())]
        candidates += [posixpath.join(path, "index" + each) for each in _ENDINGS]
        return next((each for each in candidates if self.is_file(each)), None) or self._main_of(path)

    def _main_of(self, directory: str) -> str | None:
        manifest = posixpath.join(directory, "package.json")
        if not self.is_file(manifest):
            return None
        main = self.json(manifest).get("main")
        path = posixpath.normpath(posixpath.join(directory, main)) if isinstance(main, str) else ""
        return self.built(path) if path and path != directory else None

    def built(self, path: str) -> str | None:
        """The source of a file that a build makes: dist/main.js comes from src/main.ts."""
        if self.is_file(path):
            return path
        stem = re.sub(r"\.[cm]?jsx?$", "", path)
        for candidate in self._before_building(stem):
            for each in (".ts", ".js", ".mts", ".mjs", ".tsx", ".cts", ".cjs"):
                if self.is_file(candidate + each):
                    return candidate + each
        return None

    def _before_building(self, stem: str) -> Iterator[str]:
        yield stem
        parts = stem.split("/")
        for number, part in enumerate(parts[:-1]):
            if part in _BUILT:
                before, after = parts[:number], parts[number + 1 :]
                for source in _SOURCE_DIRECTORIES:
                    yield "/".join([*before, *([source] if source else []), *after])
                if after[:1] == ["apps"] and len(after) > 2:  # Nx: dist/apps/api/main.js is apps/api/src/main.ts
                    yield "/".join([*before, *after[:2], "src", *after[2:]])
                break

    def _by_alias(self, directory: str, module: str) -> Resolved:
        for where in _upwards(directory):
            for name in ("tsconfig.json", "jsconfig.json", "tsconfig.base.json"):
                path = posixpath.join(where, name)
                found = self._by_paths(where, self.json(path), module) if self.is_file(path) else None
                if found is not None:
                    return found
        return None

    def _by_paths(self, where: str, config: dict[str, object], module: str) -> Resolved:
        options = config.get("compilerOptions")
        if not isinstance(options, dict):
            return None
        base = options.get("baseUrl")
        root = posixpath.normpath(posixpath.join(where, base)) if isinstance(base, str) else where
        paths = options.get("paths")
        for key, targets in paths.items() if isinstance(paths, dict) else ():
            head, star, tail = str(key).partition("*")
            if not (module == key or (star and module.startswith(head) and module.endswith(tail))):
                continue
            middle = module[len(head) : len(module) - len(tail)] if star else ""
            for target in targets if isinstance(targets, list) else ():
                found = self.script(posixpath.normpath(posixpath.join(root, str(target).replace("*", middle))))
                if found is not None:
                    return Found((found,))
            if head or not star:
                return None if module.endswith(".d") or _GENERATED.search(module) else Open(f"alias {module}")
        found = self.script(posixpath.join(root, module)) if isinstance(base, str) else None
        return Found((found,)) if found else None

    def _package(self, directory: str, file: str, module: str) -> Resolved:
        parts = module.split("/")
        name = "/".join(parts[:2]) if module.startswith("@") else parts[0]
        for where in _upwards(directory):
            manifest = posixpath.join(where, "package.json")
            version = self._dependencies(manifest).get(name) if self.is_file(manifest) else None
            if version is not None and not version.startswith(("workspace:", "file:", "link:", "portal:")):
                break
            own = self._workspace.get(name)
            if version is not None or own is not None:
                rest = "/".join(parts[2:] if module.startswith("@") else parts[1:])
                return self._of_workspace(own, rest, f"{file} loads {module}")
        else:
            if module.startswith(("@/", "~", "#", "src/")):
                return Open(f"{file} loads {module}")
        return External(name)

    def _of_workspace(self, own: str | None, rest: str, said: str) -> Resolved:
        if own is None:
            return Open(said)
        tries = (rest, f"src/{rest}") if rest else ("src/index", "index", "src/main")
        for each in tries:
            found = self.script(posixpath.normpath(posixpath.join(own, each)))
            if found is not None:
                return Found((found,))
        main = self._main_of(own) if not rest else None
        return Found((main,)) if main else Open(said)

    def _dependencies(self, manifest: str) -> dict[str, str]:
        found: dict[str, str] = {}
        for key in ("dependencies", "devDependencies", "peerDependencies", "optionalDependencies"):
            said = self.json(manifest).get(key)
            found |= {str(name): str(value) for name, value in said.items()} if isinstance(said, dict) else {}
        return found

    @cached_property
    def _workspace(self) -> dict[str, str]:
        """The packages of a monorepo, by name."""
        found: dict[str, str] = {}
        for parent in ("packages", "libs", "apps", "shared", "services", "modules"):
            for name, is_directory in disk.entries(self.context / parent)[:_MAX_PACKAGES]:
                manifest = f"{parent}/{name}/package.json"
                if is_directory and self.is_file(manifest):
                    said = self.json(manifest).get("name")
                    if isinstance(said, str):
                        found[said] = f"{parent}/{name}"
        return found

    def json(self, path: str) -> dict[str, object]:
        """A JSON object with comments; empty where it is none."""
        if path not in self._json:
            self._json[path] = {}
            try:
                text = read_text(self.context / path, path, limit=512 * 1024).removeprefix("\ufeff")
                try:
                    data = json.loads(text)
                except ValueError:
                    data = json.loads(_TRAILING.sub(r"\1", _JSON_COMMENTS.sub("", text)))
            except (InputError, ValueError, RecursionError):
                data = {}
            self._json[path] = data if isinstance(data, dict) else {}
        return self._json[path]

    # Python

    def _python(self, file: str, wanted: Import) -> Resolved:
        dots = len(wanted.module) - len(wanted.module.lstrip("."))
        name = wanted.module[dots:]
        if dots:
            base = posixpath.dirname(file)
            for _ in range(dots - 1):
                base = posixpath.dirname(base)
            found = self.module(name, (base,))
            return self._or_open(found, file, wanted)
        found = self.module(name, (*self.roots, posixpath.dirname(file)))
        if found:
            return Found(found)
        top = name.partition(".")[0]
        is_own = any(self._is_own(posixpath.join(root, top)) for root in self.roots)
        if not is_own:
            return External(name)
        return self._or_open((), file, wanted)

    def _or_open(self, found: tuple[str, ...], file: str, wanted: Import) -> Resolved:
        if found:
            return Found(found)
        return (
            None
            if wanted.optional or _GENERATED.search(wanted.module.replace(".", "/"))
            else Open(f"{file} imports {wanted.module}")
        )

    def _is_own(self, path: str) -> bool:
        return self.is_file(path + ".py") or self.is_file(path + "/__init__.py")

    def module(self, name: str, roots: Sequence[str]) -> tuple[str, ...]:
        """The files of a dotted name: those of its packages, and its own."""
        parts = [part for part in name.split(".") if part]
        for root in roots:
            path = posixpath.join(root, *parts)
            own = next((each for each in (path + ".py", path + "/__init__.py") if parts and self.is_file(each)), None)
            if not parts and self.is_file(posixpath.join(root, "__init__.py")):
                own = posixpath.join(root, "__init__.py")
            if own is None:
                continue
            packages = [posixpath.join(root, *parts[:number], "__init__.py") for number in range(1, len(parts))]
            main = [path + "/__main__.py"] if own.endswith("/__init__.py") else []
            return (own, *(each for each in (*packages, *main) if self.is_file(each)))
        return ()


def _upwards(directory: str) -> Iterator[str]:
    while True:
        yield directory
        if directory in ("", "."):
            return
        directory = posixpath.dirname(directory)

#!/bin/sh
# Build the release wheels into dist/, and prove the one for this machine in a fresh environment without extras: the static programs
# run, the library is importable, the command answers, nothing else was installed.
set -eu
cd "$(dirname "$0")/.."
python=.venv/bin/python

rm -rf dist
for arch in x86_64 aarch64; do
    SEATRIAL_WHEEL_ARCH=$arch $python -m build --no-isolation --wheel --outdir dist . >/dev/null
done
here=$(uname -m)
wheel=$(ls dist/*_"$here".whl) || { echo "wheel: built none for this machine ($here)" >&2; exit 1; }

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
$python -m venv "$place/env"
"$place/env/bin/python" -m pip install -q --disable-pip-version-check --no-index "$wheel"
installed=$("$place/env/bin/python" -m pip list --disable-pip-version-check --format=freeze --exclude pip --exclude setuptools)
cd "$place"
"$place/env/bin/python" -c 'import seatrial; print("import seatrial:", seatrial.__version__)'
for program in "$OLDPWD"/native/seatrial-*.c; do
    "$place/env/bin/$(basename "$program" .c)" --version
done
# Without the extra `cli` it must answer all the same: with its version, or with what to install.
"$place/env/bin/seatrial" --version 2>&1 | tee answer
grep -q -e '^seatrial [0-9]' -e 'seatrial\[cli\]' answer || { echo "wheel: seatrial --version gave no answer" >&2; exit 1; }
case $installed in
seatrial==*) [ "$(printf '%s\n' "$installed" | wc -l)" = 1 ] || { echo "wheel: it pulled dependencies: $installed" >&2; exit 1; } ;;
*) echo "wheel: it is not installed: $installed" >&2; exit 1 ;;
esac
cd "$OLDPWD"
# The programs of the other architecture run, too, where an emulator is there (Debian: qemu-user-static).
if [ "$here" = x86_64 ] && emulator=$(command -v qemu-aarch64-static); then
    $python -m zipfile -e dist/*_aarch64.whl "$place/aarch64"
    chmod +x "$place"/aarch64/*.data/scripts/seatrial-*
    for program in "$place"/aarch64/*.data/scripts/seatrial-*; do
        "$emulator" "$program" --version
    done
fi
(cd dist && sha256sum -- *.whl)

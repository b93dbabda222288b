"""The real opencode program, installed once per version by npm into a cache outside the tree.

The cache is `$OCDU_OPENCODE_CACHE`, else `$XDG_CACHE_HOME/ocdu-tests`, else
`~/.cache/ocdu-tests`. A version costs about 180 MB there.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

import pytest

ENVIRONMENT = dict(os.environ)
"""The environment as it was at import: fixtures move HOME later, npm still needs the real one."""

PACKAGES = {("Linux", "x86_64"): "opencode-linux-x64"}
"""The npm package that holds the native program, for the platforms this suite was run on."""

PROGRAM = "package/bin/opencode"
"""Where the program lies inside the package."""

INSTALL_SECONDS = 300.0
"""npm fetches about 60 MB; more than five minutes means that it hangs."""


class NotInstallableError(Exception):
    """This machine cannot get the program; the sentence says why and what to do."""


def cache_folder(environment: dict[str, str]) -> Path:
    """The folder that keeps the programs between test runs."""
    if own := environment.get("OCDU_OPENCODE_CACHE"):
        return Path(own)
    if shared := environment.get("XDG_CACHE_HOME"):
        return Path(shared) / "ocdu-tests"
    return Path(environment.get("HOME", "~")).expanduser() / ".cache" / "ocdu-tests"


def opencode(version: str) -> Path:
    """The program of this version; without it the test skips, but under CI it fails."""
    try:
        return installed(version, cache_folder(ENVIRONMENT))
    except NotInstallableError as problem:
        if ENVIRONMENT.get("CI"):
            pytest.fail(str(problem), pytrace=False)
        pytest.skip(str(problem))


def installed(version: str, cache: Path) -> Path:
    """The program of this version in this cache, installed now when it is not there yet.

    Raises NotInstallableError with one sentence for the reader.
    """
    program = cache / version / "opencode"
    if os.access(program, os.X_OK):
        return program
    package = PACKAGES.get((platform.system(), platform.machine()))
    if package is None:
        where = f"{platform.system()} {platform.machine()}"
        raise NotInstallableError(
            f"opencode is not run as a witness on {where}; use one of {sorted(PACKAGES)}."
        )
    program.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="installing-", dir=program.parent) as folder:
        fresh = _unpacked(_packed(f"{package}@{version}", Path(folder)), Path(folder))
        fresh.chmod(0o755)
        fresh.replace(program)  # one rename: nobody ever sees half a program
    return program


def _packed(specifier: str, folder: Path) -> Path:
    """The package's archive, fetched by npm from whichever registry npm is set up for."""
    npm = shutil.which("npm", path=ENVIRONMENT.get("PATH"))
    if npm is None:
        raise NotInstallableError(
            f"npm is missing, so {specifier} cannot be installed: install npm, "
            "or set OCDU_OPENCODE_CACHE to a folder that holds VERSION/opencode."
        )
    command = [npm, "pack", specifier, "--loglevel=error", f"--cache={folder / 'npm'}"]
    try:
        run = subprocess.run(
            command,
            cwd=folder,
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise NotInstallableError(
            f"npm did not deliver {specifier} within {INSTALL_SECONDS:.0f} s."
        ) from None
    archives = list(folder.glob("*.tgz"))
    if run.returncode or not archives:
        reason = " ".join(run.stderr.split()) or f"exit code {run.returncode}"
        raise NotInstallableError(f"npm could not deliver {specifier}: {reason}")
    return archives[0]


def _unpacked(archive: Path, folder: Path) -> Path:
    """The program alone, taken out of the archive."""
    target = folder / "opencode"
    with tarfile.open(archive) as package:
        try:
            source = package.extractfile(PROGRAM)
        except KeyError:
            source = None
        if source is None:
            raise NotInstallableError(f"{archive.name} holds no {PROGRAM}.")
        with source, target.open("wb") as copy:
            shutil.copyfileobj(source, copy)
    return target

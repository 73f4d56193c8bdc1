"""The package as people get it: an sdist, a wheel built from it, and that wheel installed by itself."""

import atexit
import json
import os
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from functools import cache
from pathlib import Path, PurePosixPath
from shutil import copytree, ignore_patterns, rmtree
from tempfile import mkdtemp

from twisted.trial.unittest import SynchronousTestCase

import peerproto
from peerproto import networks

ROOT = Path(__file__).resolve().parent.parent
OPTION_FILES = sorted((ROOT / "tap").glob("*.toml"))

# What a checkout may hold beside its sources, as in .gitignore.
LEFTOVERS = (".*", "__pycache__", "*.egg-info", "build", "dist", "dropin.cache", "_trial_temp*", "*.sqlite*")
COMPILED = ("*.so", "*.pyd")


def run(*command: str | Path, cwd: Path, **more: str) -> str:
    """What a command prints on stdout; AssertionError with all it printed if it fails.

    PYTHONPATH is taken away, so that nothing of this checkout can stand in for what is missing in the wheel.

    :param more: variables of the environment.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")} | more
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def temporary_folder() -> Path:
    """A new empty folder, removed when this Python ends."""
    folder = Path(mkdtemp(prefix="peerproto-"))
    atexit.register(rmtree, folder, ignore_errors=True)
    return folder


@cache
def built() -> tuple[Path, Path]:
    """The sdist of a copy of this checkout, and the wheel that is built from that sdist."""
    folder = temporary_folder()
    copytree(ROOT, folder / "source", ignore=ignore_patterns(*LEFTOVERS, *COMPILED))
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder / "dist", "source", cwd=folder)
    (sdist,) = (folder / "dist").glob("*.tar.gz")
    (wheel,) = (folder / "dist").glob("*.whl")
    return sdist, wheel


@cache
def without_compiler() -> Path:
    """A copy of this checkout, installed from its own folder where no compiler works; with its environment in it."""
    folder = temporary_folder()
    copytree(ROOT, folder / "source", ignore=ignore_patterns(*LEFTOVERS, *COMPILED))
    environment = new_environment(folder / "environment")
    install(environment, "--no-build-isolation", "--editable", folder / "source", CC="false", CXX="false")
    return environment


@cache
def installed() -> Path:
    """A virtual environment with the wheel in it; what the wheel requires is lent by the running Python."""
    environment = new_environment(temporary_folder())
    install(environment, built()[1])
    return environment


def new_environment(folder: Path) -> Path:
    """A virtual environment to which the running Python lends its packages.

    A .pth file lends only the folders themselves: the .pth files in them, such as that of an editable
    install of this checkout, are not read.
    """
    venv.create(folder, symlinks=True)
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site_packages = run(folder / "bin" / "python", "-c", where, cwd=folder)
    lent = [path for path in sys.path if path.endswith("-packages")]
    Path(site_packages.strip(), "lent.pth").write_text("\n".join(lent))
    return folder


def install(environment: Path, *what: str | Path, **more: str) -> None:
    """Install with pip, without asking the network for anything."""
    pip = (sys.executable, "-m", "pip", "--python", environment / "bin" / "python", "install", "--quiet")
    run(*pip, "--no-index", "--no-deps", *what, cwd=environment, **more)


def in_installed(code: str, *arguments: str) -> str:
    """What this code prints in the virtual environment that has the wheel, far from the checkout."""
    return run(installed() / "bin" / "python", "-c", code, *arguments, cwd=temporary_folder())


def source_names() -> set[str]:
    """The files that must be in the wheel, as it names them."""
    package = (
        path for path in (ROOT / "peerproto").rglob("*") if path.suffix in {".py", ".pyi", ".typed", ".txt"}
    )
    return {path.relative_to(ROOT).as_posix() for path in package} | {"twisted/plugins/peernode.py"}


class SourceTests(SynchronousTestCase):
    """What the checkout must not contain."""

    def test_twisted_is_not_our_package(self) -> None:
        """No ``__init__.py`` of ours stands where Twisted's would be hidden or overwritten by it."""
        self.assertEqual(list((ROOT / "twisted").rglob("__init__.py")), [])


class ArchiveTests(SynchronousTestCase):
    """What sdist and wheel contain."""

    def test_wheel_holds_our_modules_and_nothing_else(self) -> None:
        """The wheel has each module, py.typed, peer lists and the plugin: no tests, no ``__init__.py`` of Twisted.

        Beside them at most the one compiled file.
        """
        with zipfile.ZipFile(built()[1]) as wheel:
            names = {name for name in wheel.namelist() if ".dist-info/" not in name and ".data/" not in name}
        compiled = {name for name in names if any(PurePosixPath(name).match(pattern) for pattern in COMPILED)}
        self.assertEqual(names - compiled, source_names())
        self.assertIn(
            {PurePosixPath(name).name.partition(".")[0] for name in compiled}, [set(), {"_blake256"}]
        )

    def test_sdist_carries_option_files_and_tests(self) -> None:
        """Who has only the sdist has the option files, the tests and the texts too."""
        with tarfile.open(built()[0]) as sdist:
            names = {PurePosixPath(*PurePosixPath(name).parts[1:]).as_posix() for name in sdist.getnames()}
        wanted = {path.relative_to(ROOT).as_posix() for path in (*OPTION_FILES, Path(__file__).resolve())}
        wanted |= {"tests/__init__.py", "LICENSE", "CHANGELOG.rst", "Makefile", "setup.cfg", "pyproject.toml"}
        wanted |= {"setup.py", "peerproto/wire/_blake256.c"}
        self.assertEqual(wanted - names, set())


class InstalledTests(SynchronousTestCase):
    """What the wheel does in an environment of its own."""

    def test_twistd_lists_peernode(self) -> None:
        """``twistd --help`` in any folder shows the command."""
        shown = in_installed("from twisted.scripts.twistd import run; run()", "--help")
        self.assertRegex(shown, r"(?m)^ +peernode +\w")

    def test_plugin_is_the_wheels_and_imports_nothing_of_ours(self) -> None:
        """To list the command loads none of our modules, and no reactor: ``--reactor`` is to choose it."""
        code = (
            "import json, sys, twisted.plugins.peernode as plugin;"
            "early = [name for name in ('peerproto', 'twisted.internet.reactor') if name in sys.modules];"
            "print(json.dumps([plugin.__file__, early]))"
        )
        where, early = json.loads(in_installed(code))
        self.assertTrue(Path(where).is_relative_to(installed()), where)
        self.assertEqual(early, [])

    def test_package_is_the_wheels_and_knows_its_version(self) -> None:
        """The metadata's version, the module's and this checkout's are the same."""
        code = (
            "import json, peerproto; from importlib.metadata import version;"
            "print(json.dumps([peerproto.__file__, peerproto.__version__, version('peerproto')]))"
        )
        where, *versions = json.loads(in_installed(code))
        self.assertTrue(Path(where).is_relative_to(installed()), where)
        self.assertEqual(versions, [peerproto.__version__] * 2)

    def test_console_script_finds_its_function(self) -> None:
        """The command ``peerproto`` is installed and stands for a function that the wheel has."""
        code = (
            "from importlib.metadata import distribution;"
            "(script,) = distribution('peerproto').entry_points.select(group='console_scripts');"
            "print(script.name, script.load().__name__)"
        )
        self.assertEqual(in_installed(code).split(), ["peerproto", "main"])
        self.assertTrue((installed() / "bin" / "peerproto").exists())

    def test_option_files_are_installed(self) -> None:
        """The option files lie in share/peerproto/tap of the environment."""
        there = (installed() / "share" / "peerproto" / "tap").iterdir()
        self.assertEqual(sorted(path.name for path in there), [path.name for path in OPTION_FILES])


class CompiledTests(SynchronousTestCase):
    """The one C file, which is compiled where that can be done and done without where not."""

    code = (
        "from peerproto.wire import blake256 as ours;"
        "print(ours.COMPILED, ours.blake256(b'').hex()[:8], *ours.__file__.split('/')[-4:-2])"
    )

    def test_without_a_compiler(self) -> None:
        """The checkout installs all the same, editable, and hashes in Python."""
        shown = run(without_compiler() / "bin" / "python", "-c", self.code, cwd=temporary_folder())
        self.assertEqual(shown.split(), ["False", "716f6e86", "source", "peerproto"])

    def test_with_a_compiler(self) -> None:
        """The wheel's package hashes by the compiled file where the wheel has it."""
        with zipfile.ZipFile(built()[1]) as wheel:
            there = any(
                PurePosixPath(name).match(pattern) for name in wheel.namelist() for pattern in COMPILED
            )
        self.assertEqual(in_installed(self.code).split()[:2], [str(there), "716f6e86"])

    def test_failure_to_compile_is_told(self) -> None:
        """Who builds sees what could not be compiled, and that nothing is missing."""
        folder = temporary_folder()
        copytree(ROOT, folder / "source", ignore=ignore_patterns(*LEFTOVERS, *COMPILED))
        build = (sys.executable, "setup.py", "--quiet", "build_ext", "--inplace")
        told = run("sh", "-c", 'exec "$@" 2>&1', "sh", *build, cwd=folder / "source", CC="false", CXX="false")
        self.assertIn("peerproto: peerproto/wire/_blake256.c could not be compiled: ", told)
        self.assertIn("peerproto: nothing is missing; BLAKE-256 (Decred's hash) is done in Python", told)


class OptionFileTests(SynchronousTestCase):
    """The option files in tap/."""

    def test_each_is_named_after_its_network(self) -> None:
        """NETWORK.toml chooses NETWORK, and that network exists."""
        self.assertTrue(OPTION_FILES)
        for path in OPTION_FILES:
            self.assertEqual(tomllib.loads(path.read_text())["network"], path.stem)
            self.assertIn(path.stem, networks.names())

    def test_each_name_is_an_option_of_peernode(self) -> None:
        """An option file says nothing that ``twistd peernode`` could not be told."""
        from peerproto.tap import Options

        known = {name.rstrip("=") for name in Options().longOpt}
        for path in OPTION_FILES:
            self.assertEqual(set(tomllib.loads(path.read_text())) - known, set(), path.name)

    def test_none_reaches_beyond_this_machine(self) -> None:
        """Who tries an option file as it is contacts nobody, and listens to nobody outside."""
        for path in OPTION_FILES:
            options = tomllib.loads(path.read_text())
            for address in (*options.get("connect", ()), *options["listen"]):
                self.assertIn("127.0.0.1", address, path.name)

"""What setup.cfg cannot say: one C file, compiled where there is a compiler and done without where there is none."""

import sys

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

WITHOUT = """
peerproto: {source} could not be compiled: {error}
peerproto: nothing is missing; BLAKE-256 (Decred's hash) is done in Python, some hundred times slower.
"""


class BuildIfPossible(build_ext):
    """Compiles; whatever keeps it from that is told and leaves the file out."""

    def build_extension(self, ext: Extension) -> None:
        try:
            super().build_extension(ext)
        except Exception as error:
            print(WITHOUT.format(source=ext.sources[0], error=error), file=sys.stderr)


setup(
    cmdclass={"build_ext": BuildIfPossible},
    ext_modules=[
        Extension(
            "peerproto.wire._blake256",
            ["peerproto/wire/_blake256.c"],
            py_limited_api=True,
            optional=True,  # an editable install does not ask where the compiled file is
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)

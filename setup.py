"""The C half of the build; everything else stands in pyproject.toml.

The core is one static library, linked into each Cython door.  All files get the same flags: what
an implementation needs beyond the ABI's baseline stands on its functions (``target`` attributes),
so one wheel serves every CPU and chooses at run time.

``EDGEREC_SANITIZE=1`` builds with AddressSanitizer, UndefinedBehaviorSanitizer and live asserts;
``tests/sanitize/run`` is its user.
"""

import os
from glob import glob

import numpy as np
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

WARNINGS = ["-Wall", "-Wextra", "-Werror"]
FLAGS = ["-O3", "-std=c11", *WARNINGS, "-ffp-contract=off", "-fno-math-errno", "-DNDEBUG"]
LINK_FLAGS = []
if os.environ.get("EDGEREC_SANITIZE"):
    LINK_FLAGS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    FLAGS += [*LINK_FLAGS, "-O1", "-g", "-fno-omit-frame-pointer", "-fno-wrapv", "-UNDEBUG"]

HEADERS = sorted(glob("src_c/**/*.[dh]*", recursive=True))
CORE = (
    "edgerec_core",
    {
        "sources": sorted(glob("src_c/**/*.c", recursive=True)),
        "obj_deps": {"": HEADERS},
        "cflags": FLAGS,
    },
)


class BuildDoors(build_ext):
    """``build_ext`` alone would not make the library that it links."""

    def run(self) -> None:
        self.run_command("build_clib")
        super().run()


def door(path: str) -> Extension:
    """One Cython module over the core."""
    return Extension(
        path.removesuffix(".pyx").replace("/", "."),
        [path],
        include_dirs=["src_c", np.get_include()],
        define_macros=[("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION")],
        depends=[*HEADERS, *glob("src_c/**/*.c", recursive=True)],
        # generated code may draw the warnings of another compiler or Python
        extra_compile_args=[*FLAGS, "-Wno-error"],
        extra_link_args=LINK_FLAGS,
    )


setup(
    libraries=[CORE],
    cmdclass={"build_ext": BuildDoors},
    ext_modules=cythonize(
        [door(path) for path in sorted(glob("edgerec/kernels/*.pyx"))],
        compiler_directives={
            "language_level": "3",
            "boundscheck": False,
            "wraparound": False,
            "embedsignature": True,
            "embedsignature.format": "python",
            "binding": True,
        },
    ),
)

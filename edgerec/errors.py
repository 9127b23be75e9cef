"""Every exception edgerec raises, as one tree.

::

    EdgerecError                       exit 1
    ├── InvalidInput                   exit 2   what the caller gave cannot be used
    │   ├── ShapeError                          an array has the wrong shape or dtype
    │   ├── ValueRangeError                     a value lies outside its range, or is not finite
    │   ├── SignatureError                      a model and its signature do not agree
    │   ├── UnknownAttribute                    a filter names an attribute the catalogue lacks
    │   ├── UnknownKernel                       no such kernel family or ISA, or not on this CPU
    │   ├── RecipeError                         a recipe or its data cannot be read
    │   ├── OutputExists                        the output exists and may not be replaced
    │   └── LimitExceeded                       more than edgerec accepts
    ├── BundleError                    exit 3
    │   ├── BundleNotFound                      there is no bundle
    │   ├── BundleVersionError                  written by a version this one cannot read
    │   └── BundleCorruptError                  bytes differ from what the manifest promises
    ├── BackendError                   exit 4   an inference engine refused or failed
    │   └── UnsupportedOperator                 it cannot run an operator of the model
    ├── GateError                      exit 5
    │   ├── QualityLost                         accuracy fell below the gate
    │   ├── NothingFeasible                     no variant meets the budget
    │   └── ParityError                         an imported model disagrees with its source
    └── RuntimeUnavailable             exit 6
        ├── MissingDependency                   an extra is not installed
        ├── EngineClosed                        used after close()
        └── DeadlineExceeded                    the time was over before work could start

A message says what was wanted, what came, where, and what to do.  ``code`` is stable: programs may
compare it.
"""

from __future__ import annotations

__all__ = [
    "BackendError",
    "BundleCorruptError",
    "BundleError",
    "BundleNotFound",
    "BundleVersionError",
    "DeadlineExceeded",
    "EdgerecError",
    "EngineClosed",
    "GateError",
    "InvalidInput",
    "LimitExceeded",
    "MissingDependency",
    "NothingFeasible",
    "OutputExists",
    "ParityError",
    "QualityLost",
    "RecipeError",
    "RuntimeUnavailable",
    "ShapeError",
    "SignatureError",
    "UnknownAttribute",
    "UnknownKernel",
    "UnsupportedOperator",
    "ValueRangeError",
]


class EdgerecError(Exception):
    """Root of the tree."""

    code = "error"
    exit_code = 1

    def to_dict(self) -> dict[str, str | int]:
        """What ``--format json`` prints on stderr."""
        return {"code": self.code, "message": str(self), "exit_code": self.exit_code}


class InvalidInput(EdgerecError):
    """What the caller gave cannot be used."""

    code = "invalid_input"
    exit_code = 2


class ShapeError(InvalidInput):
    """An array has the wrong shape or dtype."""

    code = "shape"


class ValueRangeError(InvalidInput):
    """A value lies outside its range, or is not finite."""

    code = "value_range"


class SignatureError(InvalidInput):
    """A model and its signature do not agree."""

    code = "signature"


class UnknownAttribute(InvalidInput):
    """A filter names an attribute that the catalogue lacks."""

    code = "unknown_attribute"


class UnknownKernel(InvalidInput):
    """No such kernel family or ISA, or this CPU cannot run it."""

    code = "unknown_kernel"


class RecipeError(InvalidInput):
    """A recipe, or the data it names, cannot be read."""

    code = "recipe"


class OutputExists(InvalidInput):
    """The output is there already and may not be replaced."""

    code = "output_exists"


class LimitExceeded(InvalidInput):
    """More than edgerec accepts."""

    code = "limit"


class BundleError(EdgerecError):
    """A bundle cannot be used."""

    code = "bundle"
    exit_code = 3


class BundleNotFound(BundleError):
    """There is no bundle at this path."""

    code = "bundle_not_found"


class BundleVersionError(BundleError):
    """Written by a version of edgerec that this one cannot read."""

    code = "bundle_version"


class BundleCorruptError(BundleError):
    """Bytes differ from what the manifest promises."""

    code = "bundle_corrupt"


class BackendError(EdgerecError):
    """An inference engine refused or failed."""

    code = "backend"
    exit_code = 4


class UnsupportedOperator(BackendError):
    """The engine cannot run an operator of the model."""

    code = "unsupported_operator"


class GateError(EdgerecError):
    """A measured promise was not kept."""

    code = "gate"
    exit_code = 5


class QualityLost(GateError):
    """Accuracy fell below the gate."""

    code = "quality_lost"


class NothingFeasible(GateError):
    """No variant meets the budget."""

    code = "nothing_feasible"


class ParityError(GateError):
    """An imported model disagrees with its source."""

    code = "parity"


class RuntimeUnavailable(EdgerecError):
    """Something needed at run time is not there, or not any more."""

    code = "unavailable"
    exit_code = 6


class MissingDependency(RuntimeUnavailable):
    """An extra is not installed; the message holds the command that installs it."""

    code = "missing_dependency"


class EngineClosed(RuntimeUnavailable):
    """Used after ``close()``."""

    code = "engine_closed"


class DeadlineExceeded(RuntimeUnavailable):
    """The request's time was over before its work could start."""

    code = "deadline_exceeded"

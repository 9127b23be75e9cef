"""The ``edgerec`` command: finds its commands by name and loads only the one that runs."""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any

import click

from edgerec.errors import EdgerecError, InvalidInput

__all__ = ["main"]

COMMANDS = {
    "bench": "Measure what a bundle answers with beside its peers.",
    "build": "Build a shop's bundle from a recipe.",
    "compile": "Choose by measurement how one model runs here, and bundle it.",
    "convert": "Import a trained model as ONNX with a signature, parity-checked.",
    "demo": "Run the main job on the shop that ships with edgerec.",
    "doctor": "Say what this machine can run, and what is missing.",
    "index": "Turn vectors into an index, chosen by measurement.",
    "inspect": "Show what a model, a bundle or a store holds.",
    "prune": "Remove hidden width that a model does not need.",
    "publish": "Copy a bundle into a store and make it the version to serve.",
    "quantize": "Write a model's INT8 form.",
    "recommend": "Recommend items to a user or for a history.",
    "rollback": "Make an earlier version of a store the one to serve.",
    "search": "Search a bundle's catalogue.",
    "verify": "Check a bundle's hashes, then its golden requests.",
}
"""Each command stands in the file of its name; its help stands here so that ``--help`` is quick."""


class LazyGroup(click.Group):
    """Imports a command when it is called, and turns edgerec's errors into exit codes."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"edgerec.cli.{cmd_name}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        as_json = ctx.params.get("errors") == "json"
        try:
            return super().invoke(ctx)
        except EdgerecError as error:
            _show(error, as_json=as_json)
            ctx.exit(error.exit_code)
        except click.UsageError as error:
            if not as_json:
                raise
            _show(InvalidInput(error.format_message()), as_json=True)
            ctx.exit(InvalidInput.exit_code)


def _show(error: EdgerecError, *, as_json: bool) -> None:
    text = json.dumps(error.to_dict()) if as_json else f"edgerec: {error}"
    click.echo(text, err=True)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--errors",
    type=click.Choice(["text", "json"]),
    default="text",
    help="How errors are written on stderr.",
)
@click.version_option(package_name="edgerec")
def main(errors: str) -> None:
    """Compress trained models, choose by measurement how to run them, answer in milliseconds.

    \b
    Example:
      edgerec demo --out demo
      edgerec search demo/shop.bundle "walnut queen bed" --where in_stock=true
    """


if __name__ == "__main__":
    main(prog_name="edgerec", args=sys.argv[1:])

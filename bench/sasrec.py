"""The compiled SASRec beside PyTorch and ONNX Runtime: quality on every test user, and time."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.contenders import compiled, onnxruntime_faiss, onnxruntime_numpy, pytorch_eager
from bench.figures import Figure
from bench.next_item import Answer, K, NextItem, Vectors, encoder_inputs, gains_of
from bench.sequences import Cases, Sequences, cases, training_histories
from bench.train_sasrec import trained
from edgerec.backends.registry import backend
from edgerec.compiler.compilation import compile_model
from edgerec.compiler.variants import VariantMaker
from edgerec.evaluation.intervals import relative_difference
from edgerec.evaluation.timing import Timing, time_interleaved
from edgerec.graph.fusion import fuse
from edgerec.importers.importer import import_model
from edgerec.importers.pytorch import TorchSource
from edgerec.models.sasrec import SASRec, export_form, signature
from edgerec.values.budget import Budget
from edgerec.values.model import Model
from edgerec.values.plan import Interval, Plan
from edgerec.values.signature import Arrays

__all__ = ["sasrec_figures"]

PUBLISHED = 0.0318
"""SASRec's NDCG@10 on this data, all items ranked, as S3-Rec's authors publish it."""
GAIN_OVER_PEERS = {64: 1.2, 256: 1.5}
GAIN_OVER_PYTORCH = 3.0
MARGIN = 0.02
PYTORCH = "pytorch eager"
PEERS = ("onnxruntime + numpy", "onnxruntime + faiss")
TIMED_USERS, ROUNDS = 400, 7
CHECKED_USERS = 200
CALIBRATION_USERS = 512


@dataclass(frozen=True, slots=True, eq=False)
class Encoder:
    """A trained SASRec and its export; ``vectors`` (n_items, dim) float32, contiguous."""

    trained: SASRec
    exported: Model
    vectors: Vectors

    @classmethod
    def of(cls, model: SASRec) -> Encoder:
        """Export, checked for parity on both backends."""
        meaning, name = signature(model.settings), f"sasrec-{model.settings.dim}"
        exported = import_model(export_form(model), signature=meaning, name=name)
        vectors = np.ascontiguousarray(model.item_vectors().detach().numpy())
        return cls(model, exported, vectors)

    @property
    def limit(self) -> int:
        """Longest history."""
        return self.trained.settings.max_length


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """One contender: the gain of every test user, the difference to PyTorch's, times of some."""

    gains: NDArray[np.float64]
    difference: Interval
    timing: Timing

    @property
    def p50_us(self) -> float:
        """Median over users and rounds."""
        return self.timing.percentile(50)

    @property
    def quality(self) -> dict[str, float]:
        """NDCG@10 and HR@10."""
        return {"NDCG@10": float(self.gains.mean()), "HR@10": float((self.gains > 0).mean())}

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        rounds = np.median(self.timing.samples_us.reshape(ROUNDS, -1), axis=1)
        return {
            **self.quality,
            "relative difference": asdict(self.difference),
            "p50_us": round(self.p50_us, 2),
            "p99_us": round(self.timing.percentile(99), 2),
            "p50_us of each round": rounds.round(2).tolist(),
        }


def sasrec_figures(
    sequences: Sequences, dim: int, *, seed: int
) -> tuple[list[Figure], dict[str, Any]]:
    """Train or load, compile on validation targets, and measure all contenders on test users."""
    model, record = trained(sequences, dim)
    encoder, test = Encoder.of(model), cases(sequences, "test")
    plan, variants = compiled_variants(encoder, sequences, seed)
    contenders = peers_of(encoder) | variants
    check_peers(encoder, contenders, test, seed)
    measured = measure(contenders, test, seed)
    chosen = name_of(plan.chosen.variant.label)
    details = {
        "training": record,
        "chosen": chosen,
        "contenders": {name: contender.to_dict() for name, contender in measured.items()},
        "plan": plan.to_dict(),
    }
    minutes = Figure(f"SASRec d={dim} training, when it ran", record["seconds"] / 60, "min")
    return [minutes, *figures_of(dim, measured, chosen)], details


def peers_of(encoder: Encoder) -> dict[str, Answer]:
    """PyTorch eager and ONNX Runtime, on the export that computes the last state alone."""
    graph, vectors, limit = encoder.exported.graph, encoder.vectors, encoder.limit
    return {
        PYTORCH: pytorch_eager(export_form(encoder.trained), vectors, limit),
        PEERS[0]: onnxruntime_numpy(graph, vectors, limit),
        PEERS[1]: onnxruntime_faiss(graph, vectors, limit),
    }


def compiled_variants(
    encoder: Encoder, sequences: Sequences, seed: int
) -> tuple[Plan, dict[str, Answer]]:
    """Fuse, let the compiler choose on validation targets, and open every variant that ran."""
    fused = Model(encoder.exported.name, fuse(encoder.exported.graph), encoder.exported.signature)
    calibration = calibration_of(sequences, encoder.limit, seed)
    plan = compile_model(
        fused,
        calibration=calibration,
        evaluation=NextItem(cases(sequences, "validation"), encoder.vectors, encoder.limit),
        budget=Budget(metric=f"ndcg@{K}", margin=MARGIN),
        seed=seed,
        progress=lambda text: print(text, file=sys.stderr, flush=True),
    ).plan
    maker, answers = VariantMaker(fused, calibration), {}
    for variant in (trial.variant for trial in plan.trials if trial.measured is not None):
        made = maker.make(variant)
        if made.model is not None:
            session = backend(variant.backend).open(made.model.graph, fused.signature)
            answers[name_of(variant.label)] = compiled(session, encoder.vectors, encoder.limit)
    return plan, answers


def calibration_of(sequences: Sequences, limit: int, seed: int) -> list[Arrays]:
    """Draw histories of the training part, a user each."""
    histories = training_histories(sequences)
    rng = np.random.default_rng(seed)
    users = rng.choice(len(histories), CALIBRATION_USERS, replace=False)
    return [encoder_inputs(histories[user], limit) for user in users]


def check_peers(encoder: Encoder, contenders: Mapping[str, Answer], test: Cases, seed: int) -> None:
    """Refuse to time a peer whose ten items do not score as high as PyTorch's."""
    source = TorchSource(export_form(encoder.trained), encoder.exported.signature)
    users = np.random.default_rng(seed).choice(len(test.targets), CHECKED_USERS, replace=False)
    for user in users:
        history = test.histories[user]
        state = source.run(encoder_inputs(history, encoder.limit))["vector"][0]
        scores = encoder.vectors @ state
        best = scores[contenders[PYTORCH](history)]
        for name in PEERS:
            found = scores[contenders[name](history)]
            if not np.allclose(found, best, rtol=1e-4, atol=1e-4):
                raise AssertionError(f"{name} answers user {user} worse than {PYTORCH}")


def measure(contenders: Mapping[str, Answer], test: Cases, seed: int) -> dict[str, Measured]:
    """Quality of every user, then times of a sample of them, all contenders in turn."""
    gains = {}
    for name, answer in contenders.items():
        print(f"{len(test.targets)} users: {name}", file=sys.stderr, flush=True)
        gains[name] = gains_of(answer, test)
    rng = np.random.default_rng(seed)
    users = rng.choice(len(test.targets), TIMED_USERS, replace=False)
    requests = [test.histories[user] for user in users]
    timings = time_interleaved(contenders, requests, rng=rng, rounds=ROUNDS)
    return {
        name: Measured(gained, relative_difference(gains[PYTORCH], gained, rng=rng), timings[name])
        for name, gained in gains.items()
    }


def figures_of(dim: int, measured: Mapping[str, Measured], chosen: str) -> list[Figure]:
    """List every contender's numbers, then what was promised of this width."""
    ours, best = measured[chosen], min(PEERS, key=lambda peer: measured[peer].p50_us)
    figures = [_row(dim, name, contender) for name, contender in measured.items()]
    promised = [
        ("test NDCG@10 in PyTorch", measured[PYTORCH].quality["NDCG@10"], "", PUBLISHED),
        (f"{chosen}, lower bound of its relative difference", ours.difference.low, "", -MARGIN),
        (f"{chosen} against {PYTORCH}", _ratio(measured[PYTORCH], ours), "x", GAIN_OVER_PYTORCH),
        (f"{chosen} against {best}", _ratio(measured[best], ours), "x", GAIN_OVER_PEERS[dim]),
    ]
    return figures + [
        Figure(f"SASRec d={dim} {name}", value, unit, wanted=wanted)
        for name, value, unit, wanted in promised
    ]


def _row(dim: int, name: str, contender: Measured) -> Figure:
    difference = contender.difference
    note = "  ".join(f"{metric} {value:.4f}" for metric, value in contender.quality.items())
    if name != PYTORCH:
        note += f"  {difference.point:+.2%} [{difference.low:+.2%}, {difference.high:+.2%}]"
    return Figure(f"SASRec d={dim} {name}", contender.p50_us, "us", note=note)


def _ratio(other: Measured, ours: Measured) -> float:
    return other.p50_us / ours.p50_us


def name_of(variant: str) -> str:
    """Name a compiled variant among the contenders."""
    return f"edgerec {variant}"

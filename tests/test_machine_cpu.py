"""The CPU is read from its description, and its fingerprint depends on nothing that changes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgerec.kernels import dispatch
from edgerec.machine.cpu import ARITHMETIC, ISAS, cpu, read_cpu

AVX2 = "fpu sse sse2 ssse3 sse4_1 sse4_2 avx f16c avx2 bmi2 fma"
AVX512 = f"{AVX2} avx512f avx512dq avx512bw avx512vl"
VNNI = f"{AVX512} avx512_vnni"
AMX = f"{VNNI} avx_vnni amx_bf16 amx_tile amx_int8"


def x86(flags: str, *, mhz: str = "2300.000", microcode: str = "0x1", copies: int = 2) -> str:
    block = (
        "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 207\n"
        f"model name\t: Some CPU @ 2.30GHz\nmicrocode\t: {microcode}\ncpu MHz\t\t: {mhz}\n"
        f"flags\t\t: {flags}\nbugs\t\t: spectre_v1\n\n"
    )
    return block * copies


ARM = (
    "processor\t: 0\nFeatures\t: fp asimd aes crc32 atomics asimddp i8mm\n"
    "CPU implementer\t: 0x41\nCPU variant\t: 0x1\nCPU part\t: 0xd40\n\n"
)


@pytest.mark.parametrize(
    ("flags", "isas", "vnni", "amx"),
    [
        ("fpu sse sse2", ("scalar",), False, False),
        (AVX2, ("avx2", "scalar"), False, False),
        (AVX512, ("avx512", "avx2", "scalar"), False, False),
        (
            f"{VNNI} avx512_vpopcntdq",
            ("avx512vpopcntdq", "avx512vnni", "avx512", "avx2", "scalar"),
            True,
            False,
        ),
        (f"{AVX2} avx_vnni", ("avxvnni", "avx2", "scalar"), True, False),
        (VNNI, ("avx512vnni", "avx512", "avx2", "scalar"), True, False),
        (AMX, ("amxint8", "avx512vnni", "avx512", "avxvnni", "avx2", "scalar"), True, True),
    ],
)
def test_instruction_sets(flags: str, isas: tuple[str, ...], vnni: bool, amx: bool) -> None:
    found = read_cpu(x86(flags))
    assert (found.isas, found.has_vnni, found.has_amx) == (isas, vnni, amx)
    assert (found.vendor, found.model) == ("GenuineIntel", "Some CPU @ 2.30GHz")


def test_arm() -> None:
    found = read_cpu(ARM)
    assert found.isas == ("neoni8mm", "neondot", "neon", "scalar")
    assert (found.vendor, found.model) == ("0x41", "part 0xd40")


@given(
    flags=st.permutations(AMX.split()),
    unknown=st.lists(st.text("abcdefgh_0123", min_size=1).map("x_{}".format), max_size=5),
    mhz=st.floats(800, 5000),
    copies=st.integers(1, 5),
)
def test_the_fingerprint_survives_boots_and_kernels(
    flags: list[str], unknown: list[str], mhz: float, copies: int
) -> None:
    other = x86(" ".join([*flags, *unknown]), mhz=f"{mhz:.3f}", microcode="0x2b", copies=copies)
    assert read_cpu(other) == read_cpu(x86(AMX))


@given(st.sets(st.sampled_from(sorted(ARITHMETIC))), st.sets(st.sampled_from(sorted(ARITHMETIC))))
def test_the_fingerprint_tells_arithmetic_apart(some: set[str], others: set[str]) -> None:
    first, second = (read_cpu(x86(" ".join(sorted(flags)))) for flags in (some, others))
    assert (first.fingerprint == second.fingerprint) == (some == others)


def test_what_the_kernels_found_counts_where_the_text_is_hidden() -> None:
    found = read_cpu("", runnable=("avx2", "scalar"))
    assert found.isas == ("avx2", "scalar")
    assert found.vendor == "unknown"
    assert read_cpu("", runnable=("future", "scalar")).isas == ("future", "scalar")


@given(st.text(max_size=200))
def test_any_text_is_read(text: str) -> None:
    assert read_cpu(text).isas[-1] == "scalar"


def test_this_machine() -> None:
    found = cpu()
    assert found == cpu()
    assert len(found.fingerprint) == 16
    assert set(dispatch.runnable()) <= set(found.isas)
    assert [isa for isa in found.isas if isa in ISAS] == [isa for isa in ISAS if isa in found.isas]

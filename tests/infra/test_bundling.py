"""Third-party packages are bundled for the machine that will run them, not for this one."""

from pathlib import Path

import pytest

from infra.bundling import runtime_layer, unzipped_bytes
from infra.config import Deployment

ELF_MACHINES = {"x86_64": 62, "arm64": 183}
"""e_machine of an ELF file: EM_X86_64 and EM_AARCH64."""


def machine_of(library: Path) -> int:
    return int.from_bytes(library.read_bytes()[18:20], "little")


@pytest.mark.parametrize("architecture", ELF_MACHINES)
def test_compiled_packages_are_of_the_target_architecture_and_python(architecture: str) -> None:
    folder = runtime_layer(Deployment(architecture=architecture))

    libraries = list(folder.rglob("*.so"))
    assert libraries
    assert {machine_of(library) for library in libraries} == {ELF_MACHINES[architecture]}
    assert all("cpython-313" in library.name for library in libraries)
    assert unzipped_bytes(folder) > 1_000_000

"""Names of operating systems."""

from __future__ import annotations

import pytest

from ganeti.model.os_names import base_of, is_listed, with_variant


@pytest.mark.parametrize(
    ("os", "names", "listed"),
    [
        ("image", ["image"], True),
        ("image+a", ["image"], True),
        ("image+a", ["image+a"], True),
        ("image+b", ["image+a"], False),
        ("image", ["image+a"], False),
        ("image2", ["image"], False),
    ],
)
def test_a_name_without_variant_means_all_of_its_variants(os: str, names: list[str], listed: bool) -> None:
    assert is_listed(os, names) is listed


def test_variants_are_put_on_and_taken_off() -> None:
    assert base_of(with_variant("image", "a")) == "image"
    assert base_of("image") == "image"

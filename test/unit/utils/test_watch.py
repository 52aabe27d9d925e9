"""Noticing that files were replaced."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

import pytest

from ganeti.utils import files, watch


def _notices(directory: str, act: Callable[[], None]) -> bool:
    """Tell whether a watch for the name `wanted` reports what an act does; what comes after it is told anyway."""

    async def main() -> bool:
        told: list[str] = []
        event = asyncio.Event()
        now = "act"

        def changed() -> None:
            told.append(now)
            event.set()

        found = watch.DirectoryWatch(directory, ["wanted"], changed)
        try:
            act()
            for _ in range(3):  # what the kernel has to tell is read in the next round of the loop
                await asyncio.sleep(0)
            now = "end"
            files.write_file(os.path.join(directory, "wanted"), "the end", durable=False)
            async with asyncio.timeout(30):
                await event.wait()
            return told[0] == "act"
        finally:
            found.close()

    return asyncio.run(main())


def test_file_that_comes_is_replaced_written_to_and_goes_is_noticed(tmp_path: os.PathLike[str]) -> None:
    directory = str(tmp_path)
    path = os.path.join(directory, "wanted")

    def append() -> None:
        with open(path, "a") as file:
            file.write("x")

    assert _notices(directory, lambda: files.write_file(path, "1", durable=False))
    assert _notices(directory, lambda: files.write_file(path, "2", durable=False))
    assert _notices(directory, append)
    assert _notices(directory, lambda: files.rename_files([(path, path + ".away")]))
    assert _notices(directory, lambda: files.rename_files([(path + ".away", path)]))
    assert _notices(directory, lambda: files.remove_file(path))


def test_other_files_of_the_directory_are_not(tmp_path: os.PathLike[str]) -> None:
    other = os.path.join(tmp_path, "other")

    assert not _notices(str(tmp_path), lambda: files.write_file(other, "1", durable=False))


def test_directory_that_is_missing_cannot_be_watched(tmp_path: os.PathLike[str]) -> None:
    async def main() -> None:
        with pytest.raises(OSError, match=r"cannot watch .*/nowhere"):
            watch.DirectoryWatch(os.path.join(tmp_path, "nowhere"), ["wanted"], lambda: None)

    asyncio.run(main())


def test_signature_changes_with_the_file(tmp_path: os.PathLike[str]) -> None:
    path = os.path.join(tmp_path, "file")
    seen = [files.signature(path)]
    for content in ("1", "2"):
        files.write_file(path, content, durable=False)
        seen.append(files.signature(path))

    assert seen[0] is None
    assert len(set(seen)) == 3


def test_without_help_of_the_kernel_it_is_time_to_look_again_and_again(
    tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "LOOK_UNWATCHED", 0.01)

    async def main() -> None:
        changes = watch.Changes(os.path.join(tmp_path, "nowhere"), ["wanted"])
        changes.start()  # is refused
        async with asyncio.timeout(30):
            for _ in range(3):
                await changes.wait()
        changes.stop()

    asyncio.run(main())


def test_what_is_told_before_a_wait_ends_it_once(tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "LOOK_WATCHED", 3600.0)

    async def main() -> None:
        changes = watch.Changes(os.fspath(tmp_path), ["wanted"])
        changes.start()
        async with asyncio.timeout(30):
            await changes.wait()  # what changed before the watch began
            waiting = asyncio.create_task(changes.wait())
            await asyncio.sleep(0)
            assert not waiting.done()
            files.write_file(os.path.join(tmp_path, "wanted"), "1", durable=False)
            await waiting
            changes.notify()
            await changes.wait()
        changes.stop()

    asyncio.run(main())

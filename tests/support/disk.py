"""A small disk that a test can fill: a tmpfs, which needs root."""

import subprocess
from pathlib import Path

_BALLAST = "ballast"


class SmallDisk:
    """A tmpfs mounted on `folder`."""

    def __init__(self, folder: Path, size_bytes: int):
        self.folder = folder
        folder.mkdir(parents=True)
        self._run("mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", str(folder))

    def fill(self) -> None:
        """Leave nothing free."""
        with (self.folder / _BALLAST).open("wb", buffering=0) as ballast:
            for size in (1 << 20, 1 << 12):
                try:
                    while ballast.write(bytes(size)) == size:
                        pass
                except OSError:  # full; try again with less
                    continue

    def free(self) -> None:
        """Give back what `fill` took."""
        (self.folder / _BALLAST).unlink()

    def remove(self) -> None:
        """Unmount it."""
        self._run("umount", str(self.folder))

    @staticmethod
    def _run(*command: str) -> None:
        subprocess.run(command, check=True, capture_output=True, text=True)

"""disks - file systems for one test: a small tmpfs, and an ext4 in a file behind a loop device; root only

What is mounted is unmounted when the test ends. Skip when the machine does not allow it.
"""

import os
import shutil
import subprocess
from pathlib import Path


def mount(t, *args, place=None):
    """Mounts a file system on t.folder/disk, or on `place`, until the test ends."""
    t.need_root()
    place = place or t.folder / "disk"
    place.mkdir(exist_ok=True)
    done = subprocess.run(["mount", *map(str, args), place], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        t.skip(f"cannot mount: {done.stderr.strip()}")
    t.cleanup(lambda: subprocess.run(["umount", "-l", place], capture_output=True, check=False))
    place.chmod(0o777)
    return place


def small_disk(t, size, place=None):
    return mount(t, "-t", "tmpfs", "-o", f"size={size}", "postern-test", place=place)


def loop_disk(t, mebibytes=64):
    """(folder, device name) of an ext4 file system in a file; a second call mounts the same file system again."""
    t.need_root()
    image = t.folder / "image"
    if not image.exists():
        mkfs = shutil.which("mkfs.ext4", path="/usr/sbin:/sbin")
        if not mkfs:
            t.skip("mkfs.ext4 is not installed")
        with open(image, "wb") as out:
            out.truncate(mebibytes << 20)
        subprocess.run([mkfs, "-q", image], check=True)
    place = mount(t, "-o", "loop,errors=remount-ro", image)
    device = [line.split()[0] for line in Path("/proc/mounts").read_text().splitlines() if line.split()[1] == str(place)][-1]
    return place, os.path.basename(device)

"""What stands in the folder of a zone, while nginx changes it."""

from collections import namedtuple

KeptFile = namedtuple('KeptFile', 'path data mode owner')


def kept_files(folder):
    """All files as they were at one time: none of them came or went, while
    they were read."""
    while True:
        names = sorted(folder.iterdir())
        try:
            found = [KeptFile(path, path.read_bytes(),
                              path.stat().st_mode & 0o777, path.owner())
                     for path in names]
        except FileNotFoundError:
            continue
        if sorted(folder.iterdir()) == names:
            return found


def stored(folder, *wanted):
    """Which of the words stand in some file."""
    text = b''.join(file.data for file in kept_files(folder))
    return {word for word in wanted if word.encode() in text}

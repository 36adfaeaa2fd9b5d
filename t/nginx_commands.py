"""The directives that an nginx binary knows, read from its command tables."""

import struct
from pathlib import Path

HTTP_LOCATION = 0x08000000
RELATIVE = {62: 8, 183: 1027}   # x86-64, AArch64
RELA = 4


def _sections(data):
    (offset,) = struct.unpack_from('<Q', data, 40)
    size, count = struct.unpack_from('<HH', data, 58)
    for n in range(count):
        yield struct.unpack_from('<IIQQQQIIQQ', data, offset + n * size)


class _Image:
    """An ELF file by address."""

    def __init__(self, data):
        assert data[:6] == b'\x7fELF\x02\x01', 'a 64-bit little-endian ELF'
        self.data = data
        (machine,) = struct.unpack_from('<H', data, 18)
        self.parts = []
        self.moved = {}
        for _, kind, _, address, offset, size, *_ in _sections(data):
            if kind == RELA:
                for at in range(offset, offset + size, 24):
                    where, info, to = struct.unpack_from('<QQq', data, at)
                    if info & 0xffffffff == RELATIVE[machine]:
                        self.moved[where] = to
            elif kind == 1 and address:
                self.parts.append((address, offset, size))

    def at(self, address, size):
        for start, offset, length in self.parts:
            if start <= address and address + size <= start + length:
                begin = offset + address - start
                return self.data[begin:begin + size]
        return b''

    def words(self):
        """Addresses of all pointers."""
        if self.moved:
            yield from self.moved.items()
            return
        for start, offset, length in self.parts:
            for at in range(0, length - 7, 8):
                yield start + at, struct.unpack_from(
                    '<Q', self.data, offset + at)[0]


def location_directives(binary):
    """Names of those that may stand in a location."""
    image = _Image(Path(binary).read_bytes())
    names = set()
    for where, to in image.words():
        # ngx_command_t: length and address of the name, type, setter.
        row = image.at(where - 8, 24)
        if len(row) != 24:
            continue
        length, _, kind = struct.unpack('<QQQ', row)
        if not kind & HTTP_LOCATION or kind >> 32 or not 1 < length < 60:
            continue
        name = image.at(to, length + 1)
        if name[-1:] == b'\0' and name[:-1].replace(b'_', b'').isalnum() \
                and name[:-1].islower():
            names.add(name[:-1].decode())
    return names

#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Build an option ROM as a C array: preprocess, assemble, link at 0, fill in size and checksums.

The ROM is x86 code whatever the host is, so binutils may be a cross version; the C compiler only preprocesses.
"""
import argparse
import os
import subprocess
import tempfile


def checksum(data: bytearray, start: int, size: int, at: int) -> None:
    data[at] = 0
    data[at] = -sum(data[start:start + size]) & 0xff


def finish(image: bytes) -> bytearray:
    """The image as firmware accepts it: whole 512 byte units whose bytes add up to zero."""
    rom = bytearray(image)
    rom += bytes(-(len(rom) + 1) % 512 + 1)
    rom[2] = len(rom) // 512
    pnp = int.from_bytes(rom[0x1a:0x1c], 'little')
    checksum(rom, pnp, rom[pnp + 5] * 16, pnp + 9)
    checksum(rom, 0, len(rom), len(rom) - 1)
    return rom


def to_c(name: str, rom: bytes) -> str:
    lines = [', '.join(f'0x{b:02x}' for b in rom[i:i + 16]) + ',' for i in range(0, len(rom), 16)]
    body = '\n'.join('    ' + line for line in lines)
    return (f'/* Made by impl/machine/optionrom/build.py. */\n#include "machine/optionrom/optionrom.h"\n\n'
            f'const uint8_t {name}_rom[] = {{\n{body}\n}};\nconst size_t {name}_rom_size = sizeof({name}_rom);\n')


def assemble(args: argparse.Namespace) -> bytes:
    with tempfile.TemporaryDirectory() as tmp:
        text, obj, elf, flat = (os.path.join(tmp, f'rom.{x}') for x in ('s', 'o', 'elf', 'bin'))
        subprocess.run([args.cpp, '-E', '-x', 'assembler-with-cpp', args.source, '-o', text], check=True)
        subprocess.run([args.assembler, '--32', text, '-o', obj], check=True)
        subprocess.run([args.ld, '-m', 'elf_i386', '-nostdlib', '-Ttext', '0', '-o', elf, obj], check=True)
        subprocess.run([args.objcopy, '-O', 'binary', '-j', '.text', elf, flat], check=True)
        with open(flat, 'rb') as f:
            return f.read()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--cpp', required=True, help='C compiler, for its preprocessor')
    parser.add_argument('--as', required=True, dest='assembler')
    parser.add_argument('--ld', required=True)
    parser.add_argument('--objcopy', required=True)
    parser.add_argument('source')
    parser.add_argument('out')
    args = parser.parse_args()

    name = os.path.splitext(os.path.basename(args.source))[0]
    with open(args.out, 'w', encoding='ascii') as f:
        f.write(to_c(name, finish(assemble(args))))


if __name__ == '__main__':
    main()

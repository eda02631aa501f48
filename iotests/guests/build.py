#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Build one guest program: preprocess, assemble, link, and cut the 64 KiB firmware image out.

The guest is x86-64 whatever the host is, so binutils may be a cross version; the C compiler only preprocesses.
"""
import argparse
import os
import subprocess
import tempfile


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--cpp', required=True, help='C compiler, for its preprocessor')
    parser.add_argument('--as', required=True, dest='assembler')
    parser.add_argument('--ld', required=True)
    parser.add_argument('--objcopy', required=True)
    parser.add_argument('--script', required=True, help='linker script')
    parser.add_argument('--include', required=True, help='folder that lib/ is in')
    parser.add_argument('--out', required=True)
    parser.add_argument('sources', nargs='+')
    args = parser.parse_args()

    with tempfile.TemporaryDirectory() as tmp:
        objects = []
        for i, source in enumerate(args.sources):
            text = os.path.join(tmp, f'{i}.s')
            obj = os.path.join(tmp, f'{i}.o')
            subprocess.run([args.cpp, '-E', '-x', 'assembler-with-cpp', '-I', args.include, source, '-o', text],
                           check=True)
            subprocess.run([args.assembler, '--64', text, '-o', obj], check=True)
            objects.append(obj)
        elf = os.path.join(tmp, 'guest.elf')
        subprocess.run([args.ld, '-m', 'elf_x86_64', '-nostdlib', '--no-warn-rwx-segments', '-T', args.script,
                        '-o', elf] + objects, check=True)
        subprocess.run([args.objcopy, '-O', 'binary', '-j', '.text', elf, args.out], check=True)


if __name__ == '__main__':
    main()

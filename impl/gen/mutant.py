#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Apply one file's part of a patch, with zero fuzz, to a copy of that file.

    mutant.py SOURCE PATH PATCH OUTPUT

SOURCE is the file, PATH how the patch names it (impl/...). A hunk that does not apply exactly is an error that
shows the hunk: a bug that no longer fits the code must be looked at by a person, not stretched until it fits.
"""
import re
import subprocess
import sys


def section(patch, path):
    """The part of a unified diff that is about `path`, or None."""
    parts = re.split(r'(?m)^(?=--- )', patch)
    for part in parts:
        if re.match(r'--- \S+[^\n]*\n\+\+\+ b/' + re.escape(path) + r'(\s|$)', part):
            return re.split(r'(?m)^diff ', part)[0]
    return None


def main():
    source, path, patch_file, output = sys.argv[1:]
    with open(patch_file, encoding='utf-8') as f:
        part = section(f.read(), path)
    if part is None:
        sys.exit(f'{patch_file}: nothing in it is about {path}')
    run = subprocess.run(['patch', '--fuzz=0', '--force', '--quiet', '--reject-file=-', '--output=' + output, source],
                         input=part, text=True, capture_output=True)
    if run.returncode != 0:
        sys.exit(f'{patch_file}: does not apply to {path} as it is now; put the bug back by hand and make the patch '
                 f'again with git diff\n{run.stdout}{run.stderr}')
    # Assertions and stacks name the file that a reader knows.
    with open(output, encoding='utf-8') as f:
        text = f.read()
    with open(output, 'w', encoding='utf-8') as f:
        f.write(f'#line 1 "{path}"\n{text}')
    if re.search(r'(?m)^Hunk .*offset', run.stdout):
        print(run.stdout, end='')


if __name__ == '__main__':
    main()

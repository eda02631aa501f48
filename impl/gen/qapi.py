#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Generates the C side of the monitor's schema.

usage: qapi.py --out DIR [--define NAME]... SCHEMA.json...
"""
import argparse
import os
import sys

import qapi_calls
import qapi_introspect
import qapi_types
import qapi_visit
from qapi_parser import SchemaError
from qapi_schema import Schema

OUTPUTS = {
    'qapi_types.h': qapi_types.generate_header,
    'qapi_types.c': qapi_types.generate_source,
    'qapi_visit.h': qapi_visit.generate_header,
    'qapi_visit.c': qapi_visit.generate_source,
    'qmp_commands.h': qapi_calls.commands_header,
    'qmp_commands.c': qapi_calls.commands_source,
    'qapi_events.h': qapi_calls.events_header,
    'qapi_events.c': qapi_calls.events_source,
    'qapi_introspect.c': qapi_introspect.generate_source,
}


def main(argv):
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('--out', required=True, help='folder for the generated files')
    parser.add_argument('--define', action='append', default=[], help="make an 'if' condition true")
    parser.add_argument('schema', nargs='+')
    args = parser.parse_args(argv)
    try:
        schema = Schema(args.schema, args.define)
        texts = {name: generate(schema) for name, generate in OUTPUTS.items()}
    except (SchemaError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    for name, text in texts.items():
        with open(os.path.join(args.out, name), 'w', encoding='utf-8') as out:
            out.write(text)
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))

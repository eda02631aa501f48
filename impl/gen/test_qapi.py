# SPDX-License-Identifier: GPL-2.0-or-later
"""Goal: the schema generator refuses every mistake it knows by name, and what it accepts becomes C that compiles.

Method: small schemas as text; errors compared by their words; outputs searched for the line that matters; the whole
output of one rich schema goes through the compiler with warnings as errors.
"""
import json
import os
import re
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import qapi  # noqa: E402
import qapi_calls  # noqa: E402
import qapi_types  # noqa: E402
from qapi_introspect import Introspection  # noqa: E402
from qapi_parser import SchemaError  # noqa: E402
from qapi_schema import Schema, c_name, upper_name  # noqa: E402


def load(tmp_path, text, defines=()):
    path = tmp_path / 'schema.json'
    path.write_text(text)
    return Schema([str(path)], defines)


def doc(name, *members):
    return '\n'.join(['##', f'# @{name}: text', *[f'# @{m}: text' for m in members], '##', ''])


RICH = (
    doc('E', 'one', 'two-2', 'default') + "{ 'enum': 'E', 'data': [ 'one', 'two-2', 'default' ] }\n"
    + doc('Base', 'kind', 'opt') + "{ 'struct': 'Base', 'data': { 'kind': 'E', '*opt': 'int' } }\n"
    + doc('A', 'int', 'list', 'self')
    + "{ 'struct': 'A', 'data': { 'int': 'int', '*list': [ 'str' ], '*self': 'A' } }\n"
    + doc('B') + "{ 'struct': 'B', 'data': { } }\n"
    + doc('U') + "{ 'union': 'U', 'base': 'Base', 'discriminator': 'kind', 'data': { 'one': 'A', 'default': 'B' } }\n"
    + doc('Alt', 'obj', 'name', 'none', 'many', 'n', 'flag')
    + "{ 'alternate': 'Alt', 'data': { 'obj': 'U', 'name': 'str', 'none': 'null', 'many': [ 'A' ], 'n': 'int', "
    + "'flag': 'bool' } }\n"
    + doc('Derived', 'more') + "{ 'struct': 'Derived', 'base': 'Base', 'data': { 'more': 'any' } }\n"
    + doc('do-it', 'x', 'y') + "{ 'command': 'do-it', 'data': { 'x': 'str', '*y': 'E' }, 'returns': [ 'U' ] }\n"
    + doc('boxed') + "{ 'command': 'boxed', 'data': 'U', 'boxed': true, 'coroutine': true }\n"
    + doc('raw', 'a') + "{ 'command': 'raw', 'data': { 'a': 'Alt' }, 'gen': false }\n"
    + doc('plain') + "{ 'command': 'plain', 'returns': 'size', 'allow-oob': true, 'allow-preconfig': true }\n"
    + doc('HAPPENED', 'why', 'code') + "{ 'event': 'HAPPENED', 'data': { '*why': 'str', '*code': 'uint8' } }\n"
    + doc('QUIET') + "{ 'event': 'QUIET' }\n")

MISTAKES = [
    ("{ 'enum': 'E' ", "expected ',' or '}'"),
    ("{ 'enum': 'E', 'enum': 'F' }", "duplicate key 'enum'"),
    ("{ 'foo': 'E' }", 'missing a keyword'),
    ("[ 'x' ]", "expected '{'"),
    ("{ 'enum': \"E\" }", "stray '\"'"),
    ("##\n# @E: text\n{ 'enum': 'E', 'data': [] }", "not closed by '##'"),
    ("{ 'enum': 'E', 'data': [] }", "needs a comment block that starts with '@E:'"),
    (doc('F') + "{ 'enum': 'E', 'data': [] }", "needs a comment block that starts with '@E:'"),
    (doc('E', 'a') + "{ 'enum': 'E', 'data': [ 'a', 'a' ] }", "value 'a' appears twice"),
    (doc('E', 'b') + "{ 'enum': 'E', 'data': [ ] }", "describes 'b', which is not a member"),
    (doc('E') + "{ 'enum': 'E', 'data': [ 'a' ] }", "does not describe 'a'"),
    (doc('S', 'a') + "{ 'struct': 'S', 'data': { 'a': 'nope' } }", "unknown type 'nope'"),
    (doc('S', 'a') + "{ 'struct': 'S', 'data': { 'a': [ 'int', 'str' ] } }", 'single type name'),
    (doc('S') + "{ 'struct': 'S', 'base': 'int', 'data': { } }", 'must be a struct'),
    (doc('S') + "{ 'struct': 'S', 'data': { }, 'colour': 'red' }", "unknown key 'colour'"),
    (doc('SList') + "{ 'struct': 'SList', 'data': { } }", 'must not end in List'),
    (doc('S', 'a-b', 'a_b') + "{ 'struct': 'S', 'data': { 'a-b': 'int', 'a_b': 'int' } }", 'collides'),
    (doc('S') + "{ 'struct': 'S', 'data': { } }\n" + doc('S') + "{ 'struct': 'S', 'data': { } }", 'redefines'),
    (doc('c') + "{ 'command': 'c', 'data': 'int' }", 'must name a struct'),
    (doc('c', 'a') + "{ 'command': 'c', 'boxed': true, 'data': { 'a': 'int' } }", 'needs a named type'),
    (doc('A', 'x', 'y') + "{ 'alternate': 'A', 'data': { 'x': 'str', 'y': 'str' } }", 'cannot be told apart'),
    (doc('U', 'k') + "{ 'union': 'U', 'base': { 'k': 'str' }, 'discriminator': 'k', 'data': { } }",
     'must be a mandatory enum member'),
    ("{ 'include': 'missing.json' }", "can't read schema file"),
]


@pytest.mark.parametrize('text,words', MISTAKES, ids=[m[1] for m in MISTAKES])
def test_mistake_is_named_with_its_line(tmp_path, text, words):
    with pytest.raises(SchemaError) as error:
        load(tmp_path, text)
    assert words in str(error.value)
    assert re.match(r'schema\.json:\d+: ', str(error.value))


def test_order_of_definitions_does_not_matter(tmp_path):
    text = (doc('S', 'e') + "{ 'struct': 'S', 'data': { 'e': 'E' } }\n"
            + doc('E', 'a') + "{ 'enum': 'E', 'data': [ 'a' ] }")
    assert load(tmp_path, text).types['S'].local[0].type.names() == ['a']


def test_include_reads_each_file_once(tmp_path):
    (tmp_path / 'one.json').write_text(doc('E', 'a') + "{ 'enum': 'E', 'data': [ 'a' ] }")
    (tmp_path / 'two.json').write_text("{ 'include': 'one.json' }\n{ 'include': 'schema.json' }")
    schema = load(tmp_path, "{ 'include': 'one.json' }\n{ 'include': 'two.json' }")
    assert [e.name for e in schema.enums()] == ['E']


@pytest.mark.parametrize('defines,expected', [((), []), (('A',), ['a']), (('A', 'B'), ['a', 'ab'])])
def test_conditions(tmp_path, defines, expected):
    text = doc('E', *expected) + ("{ 'enum': 'E', 'data': [ { 'name': 'a', 'if': 'A' }, "
                                  "{ 'name': 'ab', 'if': { 'all': [ 'A', { 'not': { 'not': 'B' } } ] } } ] }")
    assert load(tmp_path, text, defines).types['E'].names() == expected


def test_recursive_union_is_refused(tmp_path):
    text = (doc('E', 'a') + "{ 'enum': 'E', 'data': [ 'a' ] }\n"
            + doc('U', 'k') + "{ 'union': 'U', 'base': { 'k': 'E' }, 'discriminator': 'k', 'data': { 'a': 'V' } }\n"
            + doc('V', 'l') + "{ 'union': 'V', 'base': { 'l': 'E' }, 'discriminator': 'l', 'data': { 'a': 'U' } }\n")
    with pytest.raises(SchemaError, match='contains itself'):
        load(tmp_path, text).by_value_order()


@pytest.mark.parametrize('name,upper', [('JobStatus', 'JOB_STATUS'), ('QMPCapability', 'QMP_CAPABILITY'),
                                        ('IoOperationType', 'IO_OPERATION_TYPE'), ('null-co', 'NULL_CO')])
def test_constant_names(name, upper):
    assert upper_name(name) == upper


def test_c_names():
    assert c_name('node-name') == 'node_name'
    assert c_name('default') == 'q_default'
    assert c_name('default', protect=False) == 'default'


def test_prototypes(tmp_path):
    header = qapi_calls.commands_header(load(tmp_path, RICH))
    assert 'UList *qmp_do_it(const char *x, bool has_y, E y, GError **errp);' in header
    assert 'coroutine_fn void qmp_boxed(U *arg, GError **errp);' in header
    assert 'void qmp_raw(struct json_object *args, struct json_object **ret, GError **errp);' in header
    assert 'uint64_t qmp_plain(GError **errp);' in header


def test_base_members_come_first(tmp_path):
    header = qapi_types.generate_header(load(tmp_path, RICH))
    body = header[header.index('struct Derived {'):]
    assert re.match(r'struct Derived \{\s+E kind;\s+bool has_opt;\s+int64_t opt;\s+struct json_object \*more;', body)


def test_enum_owned_elsewhere_is_not_defined_again(tmp_path):
    text = doc('E', 'a') + "{ 'enum': 'E', 'c-header': 'block/job.h', 'data': [ 'a' ] }"
    header = qapi_types.generate_header(load(tmp_path, text))
    assert '#include "block/job.h"' in header and 'typedef enum' not in header


def test_introspection_is_closed(tmp_path):
    entries = Introspection(load(tmp_path, RICH)).entries
    names = {e['name'] for e in entries}
    text = json.dumps(entries)
    for key in ('arg-type', 'ret-type', 'type', 'element-type'):
        assert set(re.findall(rf'"{key}": "([^"]+)"', text)) <= names
    assert {e['name']: e for e in entries}['plain']['allow-oob'] is True
    assert not {'U', 'A', 'Base'} & names


def test_output_compiles(tmp_path):
    (tmp_path / 'monitor').mkdir()
    path = tmp_path / 'schema.json'
    path.write_text(RICH)
    assert qapi.main(['--out', str(tmp_path / 'monitor'), str(path)]) == 0
    flags = subprocess.run(['pkg-config', '--cflags', 'glib-2.0', 'json-c'], capture_output=True, text=True,
                           check=True).stdout.split()
    for source in sorted((tmp_path / 'monitor').glob('*.c')):
        subprocess.run([os.environ.get('CC', 'cc'), '-std=gnu17', '-Wall', '-Wextra', '-Werror', '-Wshadow',
                        '-Wno-unused-parameter', '-fsyntax-only', f'-I{tmp_path}', f'-I{HERE}/..', *flags,
                        str(source)], check=True)


def test_error_leaves_no_output(tmp_path, capsys):
    path = tmp_path / 'schema.json'
    path.write_text("{ 'enum': 'E', 'data': [] }")
    assert qapi.main(['--out', str(tmp_path), str(path)]) == 1
    assert 'comment block' in capsys.readouterr().err
    assert os.listdir(tmp_path) == ['schema.json']


def test_output_is_the_same_every_time(tmp_path):
    path = tmp_path / 'schema.json'
    path.write_text(RICH)
    seen = []
    for seed in ('1', '2'):
        out = tmp_path / seed
        out.mkdir()
        subprocess.run([sys.executable, f'{HERE}/qapi.py', '--out', str(out), str(path)], check=True,
                       env={**os.environ, 'PYTHONHASHSEED': seed})
        seen.append({f.name: f.read_text() for f in out.iterdir()})
    assert seen[0] == seen[1]

# SPDX-License-Identifier: GPL-2.0-or-later
"""Reader for the QAPI schema syntax: files of JSON-like expressions in single quotes, with `##` comment blocks.

The result is a flat list of Expr, in file order, include directives followed. No meaning is checked here
beyond syntax and the shape of comment blocks; see qapi_schema.
Source: the published description of the schema language (QEMU "QAPI Code Generator" developer page).
"""
import os
import re

TOKEN = re.compile(r"""
    (?P<space>[ \t\r]+) | (?P<newline>\n) |
    (?P<comment>\#[^\n]*) |
    (?P<punct>[{}\[\]:,]) |
    '(?P<string>[^'\n\\]*)' |
    (?P<word>true|false)\b
""", re.VERBOSE)

KEYWORDS = ('include', 'pragma', 'enum', 'struct', 'union', 'alternate', 'command', 'event')


class SchemaError(Exception):
    """A mistake in a schema file, with where it is."""

    def __init__(self, where, message):
        super().__init__(f'{where}: {message}')


class Doc:
    """A comment block in front of a definition: the name it is about, text, and one text per argument."""

    def __init__(self, where, lines):
        self.where = where
        self.symbol = None
        self.body = []
        self.members = {}
        target = self.body
        for line in lines:
            match = re.match(r'@([A-Za-z0-9_][A-Za-z0-9_.-]*):\s*(.*)', line)
            if match and self.symbol is None:
                self.symbol = match.group(1)
            elif match:
                if match.group(1) in self.members:
                    raise SchemaError(where, f"'{match.group(1)}' is described twice")
                target = self.members[match.group(1)] = [match.group(2)]
            else:
                if not line.startswith(' ') and target is not self.body:
                    target = self.body
                target.append(line.strip())


class Expr:
    """One expression: keyword, name, the dict as written, and its comment block (or None)."""

    def __init__(self, where, keyword, name, data, doc):
        self.where = where
        self.keyword = keyword
        self.name = name
        self.data = data
        self.doc = doc


class Parser:
    """Parses one file; `seen` holds the files already read, so that including twice is harmless."""

    def __init__(self, path, seen):
        self.path = path
        self.seen = seen
        self.exprs = []
        with open(path, encoding='utf-8') as source:
            self.text = source.read()
        self.pos = 0
        self.line = 1
        self.doc = None
        self.token = None
        self.value = None

    def where(self):
        return f'{os.path.basename(self.path)}:{self.line}'

    def fail(self, message):
        raise SchemaError(self.where(), message)

    def take_comment(self, text):
        """Collects a `##` block; a comment of another shape is skipped."""
        if text != '##':
            return
        start = self.where()
        lines = []
        while True:
            end = self.text.find('\n', self.pos)
            if end < 0:
                self.fail("comment block is not closed by '##'")
            self.pos = end + 1
            self.line += 1
            end = self.text.find('\n', self.pos)
            line = self.text[self.pos:end if end >= 0 else len(self.text)]
            if not line.startswith('#'):
                self.fail("comment block is not closed by '##'")
            if line == '##':
                self.pos += 2
                break
            lines.append(line[2:] if line.startswith('# ') else line[1:])
        doc = Doc(start, lines)
        if doc.symbol:
            self.doc = doc

    def next(self):
        """Moves to the next token: token is its kind ('' at the end), value its text."""
        while self.pos < len(self.text):
            match = TOKEN.match(self.text, self.pos)
            if not match:
                self.fail(f"stray '{self.text[self.pos]}'")
            self.pos = match.end()
            kind = match.lastgroup
            if kind == 'newline':
                self.line += 1
            elif kind == 'comment':
                self.take_comment(match.group())
            elif kind != 'space':
                self.token = match.group() if kind == 'punct' else kind
                self.value = match.group(kind)
                return
        self.token = ''

    def parse_value(self):
        if self.token == '{':
            return self.parse_object()
        if self.token == '[':
            return self.parse_array()
        if self.token == 'string':
            value = self.value
        elif self.token == 'word':
            value = self.value == 'true'
        else:
            self.fail("expected '{', '[', string or boolean")
        self.next()
        return value

    def parse_object(self):
        self.next()
        result = {}
        if self.token == '}':
            self.next()
            return result
        while True:
            if self.token != 'string':
                self.fail('expected string as key')
            key = self.value
            if key in result:
                self.fail(f"duplicate key '{key}'")
            self.next()
            if self.token != ':':
                self.fail("expected ':'")
            self.next()
            result[key] = self.parse_value()
            if self.separator('}'):
                return result

    def parse_array(self):
        self.next()
        result = []
        if self.token == ']':
            self.next()
            return result
        while True:
            result.append(self.parse_value())
            if self.separator(']'):
                return result

    def separator(self, closing):
        """True after `closing`; False after a comma."""
        if self.token not in (closing, ','):
            self.fail(f"expected ',' or '{closing}'")
        done = self.token == closing
        self.next()
        return done

    def include(self, data):
        if set(data) != {'include'} or not isinstance(data['include'], str):
            self.fail('invalid include directive')
        path = os.path.join(os.path.dirname(self.path), data['include'])
        if not os.path.exists(path):
            self.fail(f"can't read schema file '{data['include']}'")
        self.exprs += parse_file(path, self.seen)

    def parse(self):
        self.next()
        while self.token:
            doc, self.doc = self.doc, None
            where = self.where()
            if self.token != '{':
                self.fail("expected '{'")
            data = self.parse_object()
            keys = [k for k in KEYWORDS if k in data]
            if len(keys) != 1:
                raise SchemaError(where, 'expression is missing a keyword such as ' + ', '.join(KEYWORDS))
            if keys[0] == 'include':
                self.include(data)
            elif keys[0] != 'pragma':
                self.exprs.append(Expr(where, keys[0], data[keys[0]], data, doc))
        return self.exprs


def parse_file(path, seen):
    """Returns the expressions of `path` and what it includes, each file once."""
    real = os.path.realpath(path)
    if real in seen:
        return []
    seen.add(real)
    return Parser(path, seen).parse()

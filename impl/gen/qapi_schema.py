# SPDX-License-Identifier: GPL-2.0-or-later
"""Meaning of a schema: entities with resolved types, checked for every mistake the generators rely on not seeing.

Conditions ('if') are decided here, from the set of names given on the command line: what is off is dropped, so the
generators and the generated C never see a condition.
"""
import re

from qapi_parser import SchemaError, parse_file

NAME = re.compile(r'[A-Za-z0-9][A-Za-z0-9_.-]*$')

# name: (C type, JSON type of introspection, what an error message calls it)
BUILTINS = {
    'str': ('char *', 'string'),
    'number': ('double', 'number'),
    'int': ('int64_t', 'int'),
    'int8': ('int8_t', 'int'),
    'int16': ('int16_t', 'int'),
    'int32': ('int32_t', 'int'),
    'int64': ('int64_t', 'int'),
    'uint8': ('uint8_t', 'int'),
    'uint16': ('uint16_t', 'int'),
    'uint32': ('uint32_t', 'int'),
    'uint64': ('uint64_t', 'int'),
    'size': ('uint64_t', 'int'),
    'bool': ('bool', 'boolean'),
    'any': ('struct json_object *', 'value'),
    'null': ('QNull', 'null'),
    'QType': ('QType', 'string'),
}

C_RESERVED = set('''auto break case char const continue default do double else enum extern float for goto if inline
    int long register restrict return short signed sizeof static struct switch typedef union unsigned void volatile
    while asm typeof bool true false errno unix linux i386 near far'''.split())

ALLOWED = {
    'enum': {'data', 'prefix', 'c-header'},
    'struct': {'data', 'base'},
    'union': {'data', 'base', 'discriminator'},
    'alternate': {'data'},
    'command': {'data', 'returns', 'gen', 'success-response', 'boxed', 'allow-oob', 'allow-preconfig', 'coroutine'},
    'event': {'data', 'boxed'},
}


def c_name(name, protect=True):
    """A C identifier for `name`."""
    result = re.sub(r'[-.]', '_', name)
    if result[0].isdigit() or (protect and result in C_RESERVED):
        result = 'q_' + result
    return result


def upper_name(name):
    """MixedCase to MIXED_CASE, as enumeration constants are spelt."""
    name = re.sub(r'([a-z0-9])([A-Z])', r'\1_\2', name)
    name = re.sub(r'([A-Z])([A-Z][a-z])', r'\1_\2', name)
    return c_name(name, False).upper()


class Type:
    """Common to all types: `name`, and `pointer`: whether C holds it by pointer."""
    pointer = True

    def __init__(self, name, where='builtin', features=()):
        self.name = name
        self.where = where
        self.features = features
        self.implicit = False

    def c_type(self):
        return f'{c_name(self.name)} *'

    def c_param(self):
        return self.c_type()


class Builtin(Type):
    def __init__(self, name):
        super().__init__(name)
        self.ctype, self.json = BUILTINS[name]
        self.pointer = self.ctype.endswith('*')

    def c_type(self):
        return self.ctype

    def c_param(self):
        return 'const char *' if self.name == 'str' else self.ctype


class Enum(Type):
    pointer = False

    def __init__(self, name, where, values, prefix, c_header, features):
        super().__init__(name, where, features)
        self.values = values            # list of (name, features)
        self.prefix = prefix or upper_name(name)
        self.c_header = c_header

    def c_type(self):
        return c_name(self.name)

    def const(self, value):
        return f'{self.prefix}_{upper_name(value)}'

    def names(self):
        return [v for v, _ in self.values]


class Array(Type):
    def __init__(self, element):
        super().__init__(element.name + 'List')
        self.element = element


class Member:
    """A member of a struct, or a branch of a union or alternate."""

    def __init__(self, name, typ, optional=False, features=()):
        self.name = name
        self.type = typ
        self.optional = optional
        self.features = features

    def has_flag(self):
        """Does C need a has_x beside x? Pointers say it with NULL."""
        return self.optional and not self.type.pointer


class Object(Type):
    """struct, union, or the implicit type of inline data."""

    def __init__(self, name, where, base, members, features=()):
        super().__init__(name, where, features)
        self.base = base
        self.local = members
        self.tag = None                 # Member whose value picks the branch
        self.variants = []              # [(enum value, Object or None)]

    def members(self):
        """All common members, those of the base first."""
        return (self.base.members() if self.base else []) + self.local

    def all_tags(self):
        return (self.base.all_tags() if self.base else []) + ([self] if self.tag else [])


class Alternate(Type):
    def __init__(self, name, where, branches, features):
        super().__init__(name, where, features)
        self.branches = branches


class Command:
    def __init__(self, name, arg, ret, data, features):
        self.name = name
        self.arg = arg                  # Object or None
        self.ret = ret                  # Type or None
        self.gen = data.get('gen', True)
        self.boxed = data.get('boxed', False)
        self.coroutine = data.get('coroutine', False)
        self.allow_oob = data.get('allow-oob', False)
        self.allow_preconfig = data.get('allow-preconfig', False)
        self.features = features


class Event:
    def __init__(self, name, arg, boxed, features):
        self.name = name
        self.arg = arg
        self.boxed = boxed
        self.features = features


class Schema:
    """Everything the generators need, in file order: types, commands, events."""

    def __init__(self, paths, defines=()):
        self.defines = set(defines)
        self.types = {name: Builtin(name) for name in BUILTINS}
        self.arrays = {}
        self.commands = []
        self.events = []
        self.where = 'schema'
        seen = set()
        self.exprs = [e for path in paths for e in parse_file(path, seen)]
        self.exprs = [e for e in self.exprs if self.enabled(e.data, e.where)]
        self.check_shapes()
        self.declare()
        self.define()

    def fail(self, message):
        raise SchemaError(self.where, message)

    # ---- Conditions ----

    def holds(self, cond):
        if isinstance(cond, str):
            return cond in self.defines
        if isinstance(cond, dict) and len(cond) == 1:
            (op, value), = cond.items()
            if op == 'not':
                return not self.holds(value)
            if op in ('all', 'any') and isinstance(value, list):
                return (all if op == 'all' else any)([self.holds(c) for c in value])
        self.fail("'if' condition must be a string or one of 'all', 'any', 'not'")

    def enabled(self, data, where):
        self.where = where
        return 'if' not in data or self.holds(data['if'])

    # ---- Shape of expressions ----

    def check_shapes(self):
        names = {}
        for expr in self.exprs:
            self.where = expr.where
            if not isinstance(expr.name, str) or not NAME.match(expr.name):
                self.fail(f"{expr.keyword} has an invalid name")
            unknown = set(expr.data) - ALLOWED[expr.keyword] - {expr.keyword, 'if', 'features'}
            if unknown:
                self.fail(f"{expr.keyword} has unknown key '{sorted(unknown)[0]}'")
            kind = 'command' if expr.keyword == 'command' else 'event' if expr.keyword == 'event' else 'type'
            if (kind, expr.name) in names or (kind == 'type' and expr.name in BUILTINS):
                self.fail(f"{expr.keyword} '{expr.name}' redefines what {names.get((kind, expr.name))} defined")
            names[kind, expr.name] = expr.where
            if not expr.doc or expr.doc.symbol != expr.name:
                self.fail(f"'{expr.name}' needs a comment block that starts with '@{expr.name}:'")
            if kind == 'type' and (expr.name.endswith('List') or expr.name.endswith('Kind')):
                self.fail(f"type name '{expr.name}' must not end in List or Kind")
            if 'data' not in expr.data and expr.keyword not in ('command', 'event'):
                self.fail(f"{expr.keyword} '{expr.name}' misses key 'data'")

    def features(self, data):
        result = []
        for item in data.get('features', []):
            item = {'name': item} if isinstance(item, str) else item
            if not isinstance(item, dict) or not isinstance(item.get('name'), str):
                self.fail("'features' must be a list of names")
            if self.enabled(item, self.where):
                result.append(item['name'])
        return result

    # ---- Types ----

    def declare(self):
        """First pass: names of all types, so that order in the files does not matter."""
        for expr in self.exprs:
            self.where = expr.where
            feats = self.features(expr.data)
            if expr.keyword == 'enum':
                self.types[expr.name] = self.make_enum(expr, feats)
            elif expr.keyword in ('struct', 'union'):
                self.types[expr.name] = Object(expr.name, expr.where, None, [], feats)
            elif expr.keyword == 'alternate':
                self.types[expr.name] = Alternate(expr.name, expr.where, [], feats)

    def make_enum(self, expr, feats):
        values = []
        if not isinstance(expr.data['data'], list):
            self.fail("'data' of an enum must be an array")
        for item in expr.data['data']:
            item = {'name': item} if isinstance(item, str) else item
            if not isinstance(item, dict) or not isinstance(item.get('name'), str) or not NAME.match(item['name']):
                self.fail('enum value has an invalid name')
            if item['name'] in [v for v, _ in values]:
                self.fail(f"value '{item['name']}' appears twice")
            if self.enabled(item, expr.where):
                values.append((item['name'], self.features(item)))
        self.check_doc(expr, [v for v, _ in values])
        return Enum(expr.name, expr.where, values, expr.data.get('prefix'), expr.data.get('c-header'), feats)

    def resolve(self, ref, what):
        """The type `ref` means: a name, or a list with one name."""
        if isinstance(ref, list):
            if len(ref) != 1 or not isinstance(ref[0], str):
                self.fail(f'{what}: array type must contain a single type name')
            element = self.resolve(ref[0], what)
            if element.name not in self.arrays:
                self.arrays[element.name] = Array(element)
            return self.arrays[element.name]
        if not isinstance(ref, str) or ref not in self.types:
            self.fail(f"{what} uses unknown type '{ref}'")
        return self.types[ref]

    def make_members(self, data, what):
        if not isinstance(data, dict):
            self.fail(f"{what}: 'data' must be an object")
        members = []
        for key, value in data.items():
            optional = key.startswith('*')
            name = key.lstrip('*')
            value = value if isinstance(value, dict) else {'type': value}
            if not NAME.match(name):
                self.fail(f"{what}: member has an invalid name '{name}'")
            if set(value) - {'type', 'if', 'features'} or 'type' not in value:
                self.fail(f"{what}: member '{name}' must have a type and may have 'if' and 'features'")
            if self.enabled(value, self.where):
                typ = self.resolve(value['type'], f"{what} member '{name}'")
                members.append(Member(name, typ, optional, self.features(value)))
        return members

    def check_doc(self, expr, names):
        for name in expr.doc.members:
            if name not in names:
                self.fail(f"comment of '{expr.name}' describes '{name}', which is not a member")
        for name in names:
            if name not in expr.doc.members:
                self.fail(f"comment of '{expr.name}' does not describe '{name}'")

    def implicit(self, name, data, what):
        obj = Object(name, self.where, None, self.make_members(data, what))
        obj.implicit = True
        self.types[name] = obj
        return obj

    def set_base(self, obj, base):
        if isinstance(base, dict):
            base = self.implicit(f'q_obj_{obj.name}-base', base, obj.name).name
        obj.base = self.resolve(base, f"base of '{obj.name}'")
        if not isinstance(obj.base, Object) or obj.base.variants:
            self.fail(f"base of '{obj.name}' must be a struct")

    def define_union(self, expr, obj):
        tag = expr.data.get('discriminator')
        found = [m for m in obj.members() if m.name == tag]
        if not found or not isinstance(found[0].type, Enum) or found[0].optional:
            self.fail(f"discriminator '{tag}' of '{obj.name}' must be a mandatory enum member of the base")
        obj.tag = found[0]
        for key, value in expr.data['data'].items():
            value = value if isinstance(value, dict) else {'type': value}
            if not self.enabled(value, expr.where):
                continue
            if key not in obj.tag.type.names():
                self.fail(f"branch '{key}' of '{obj.name}' is not a value of '{obj.tag.type.name}'")
            branch = self.resolve(value.get('type'), f"branch '{key}'")
            if not isinstance(branch, Object):
                self.fail(f"branch '{key}' of '{obj.name}' must be a struct or union")
            obj.variants.append((key, branch))

    def define(self):
        """Second pass: members, branches, commands, events; then what needs all of them."""
        for expr in self.exprs:
            self.where = expr.where
            obj = self.types.get(expr.name)
            if expr.keyword in ('struct', 'union'):
                if 'base' in expr.data:
                    self.set_base(obj, expr.data['base'])
                if expr.keyword == 'struct':
                    obj.local = self.make_members(expr.data['data'], expr.name)
                    self.check_doc(expr, [m.name for m in obj.local])
                else:
                    own = obj.base.local if obj.base and obj.base.implicit else []
                    self.check_doc(expr, [m.name for m in own])
            elif expr.keyword == 'alternate':
                obj.branches = self.make_members(expr.data['data'], expr.name)
                self.check_doc(expr, [m.name for m in obj.branches])
                self.check_alternate(obj)
            elif expr.keyword in ('command', 'event'):
                self.define_call(expr)
        for expr in self.exprs:
            self.where = expr.where
            if expr.keyword == 'union':
                self.define_union(expr, self.types[expr.name])
        self.check_names()

    def check_alternate(self, alt):
        kinds = [alternate_qtype(b.type) for b in alt.branches]
        if None in kinds or len(set(kinds)) != len(kinds):
            self.fail(f"branches of alternate '{alt.name}' cannot be told apart by their JSON type")

    def define_call(self, expr):
        data = expr.data.get('data')
        arg = None
        if isinstance(data, dict):
            arg = self.implicit(f'q_obj_{expr.name}-arg', data, expr.name)
            self.check_doc(expr, [m.name for m in arg.local])
        elif data is not None:
            arg = self.resolve(data, f"'{expr.name}'")
            if not isinstance(arg, Object):
                self.fail(f"'data' of '{expr.name}' must name a struct")
        boxed = expr.data.get('boxed', False)
        if boxed and (not arg or arg.implicit):
            self.fail(f"'{expr.name}' is boxed and so needs a named type as 'data'")
        feats = self.features(expr.data)
        if expr.keyword == 'command':
            ret = self.resolve(expr.data['returns'], f"'{expr.name}'") if 'returns' in expr.data else None
            self.commands.append(Command(expr.name, arg, ret, expr.data, feats))
        else:
            self.events.append(Event(expr.name, arg, boxed, feats))

    def check_names(self):
        """No two members of one object may be spelt the same in JSON or in C, base and branches included."""
        for obj in self.objects():
            self.where = obj.where
            seen = {}
            for member in obj.members():
                key = c_name(member.name).lower()
                if key in seen:
                    self.fail(f"member '{member.name}' of '{obj.name}' collides with '{seen[key]}'")
                seen[key] = member.name
            for _, branch in obj.variants:
                for member in branch.members():
                    if c_name(member.name).lower() in seen:
                        self.fail(f"member '{member.name}' of '{branch.name}' collides in '{obj.name}'")

    # ---- What generators iterate over ----

    def enums(self):
        return [t for t in self.types.values() if isinstance(t, Enum)]

    def objects(self):
        return [t for t in self.types.values() if isinstance(t, Object)]

    def alternates(self):
        return [t for t in self.types.values() if isinstance(t, Alternate)]

    def by_value_order(self):
        """Objects ordered so that branches held by value come before their union."""
        done, result = set(), []

        def visit(obj, above):
            if obj.name in above:
                self.where = obj.where
                self.fail(f"'{obj.name}' contains itself")
            if obj.name not in done:
                for inner in ([obj.base] if obj.base else []) + [b for _, b in obj.variants]:
                    visit(inner, above | {obj.name})
                if obj.name not in done:
                    done.add(obj.name)
                    result.append(obj)

        for obj in self.objects():
            visit(obj, frozenset())
        for alt in self.alternates():
            result.append(alt)
        return result


def alternate_qtype(typ):
    """The JSON type that selects a branch: QTYPE_ suffix, or None if the type cannot be a branch."""
    if isinstance(typ, Object):
        return 'QDICT'
    if isinstance(typ, Enum):
        return 'QSTRING'
    if isinstance(typ, Array):
        return 'QLIST'
    if isinstance(typ, Builtin):
        return {'string': 'QSTRING', 'int': 'QNUM', 'number': 'QNUM', 'boolean': 'QBOOL', 'null': 'QNULL'}.get(typ.json)
    return None

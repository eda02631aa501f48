#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Generate the wrappers that let plain code call coroutine functions, and the other way round.

Usage: co_wrapper.py LIST OUTPUT.c

LIST has one declaration per line ('#' starts a comment, a trailing backslash continues the line):

    include block/block.h
    KIND RETURN NAME(TYPE ARG, ...) [context=bs|blk|child|none] [target=FUNCTION]

NAME is the function that gets generated. Its prototype is written by hand in a header named by an
'include' line, with its docstring. TARGET is the function it calls:

    co_wrapper*      NAME without '_co' calls NAME with it:  bdrv_flush -> bdrv_co_flush
    no_co_wrapper*   NAME with '_co' calls NAME without it:  bdrv_co_open -> bdrv_open

KIND is one of
    co_wrapper                       outside coroutines only: run TARGET in a new coroutine, wait
    co_wrapper_mixed                 the same; inside a coroutine call TARGET directly
    co_wrapper_bdrv_rdlock           the new coroutine takes the graph reader lock around TARGET
    co_wrapper_mixed_bdrv_rdlock     the same; inside a coroutine the caller must hold the lock
    no_co_wrapper                    inside coroutines only: run TARGET in a bottom half of the main
                                     context, yield until it is done
    no_co_wrapper_bdrv_rdlock        the same, TARGET runs under the main loop's reader lock
    no_co_wrapper_bdrv_wrlock        the same, TARGET runs under the graph writer lock

context says where the coroutine runs (co_wrapper* only), by the first argument:
    bs     BlockDriverState *: bdrv_get_aio_context(ARG)
    child  BdrvChild *: bdrv_get_aio_context(ARG->bs)
    blk    BlockBackend *: blk_get_aio_context(ARG)
    none   the main context
Left out, it follows from the type of the first argument (none of these types: none).

Example:
    co_wrapper_mixed_bdrv_rdlock int bdrv_pwrite(BdrvChild *child, int64_t offset, \\
        int64_t bytes, const void *buf, BdrvRequestFlags flags)
    no_co_wrapper BlockDriverState * bdrv_co_open(const char *filename, GError **errp) context=none
"""

import re
import sys
from dataclasses import dataclass

KINDS = ('co_wrapper', 'co_wrapper_mixed', 'co_wrapper_bdrv_rdlock',
         'co_wrapper_mixed_bdrv_rdlock', 'no_co_wrapper', 'no_co_wrapper_bdrv_rdlock',
         'no_co_wrapper_bdrv_wrlock')

# context -> (type of the first argument, expression)
CONTEXTS = {
    'bs': ('BlockDriverState *', 'bdrv_get_aio_context({arg})'),
    'child': ('BdrvChild *', 'bdrv_get_aio_context({arg}->bs)'),
    'blk': ('BlockBackend *', 'blk_get_aio_context({arg})'),
    'none': (None, 'qemu_get_aio_context()'),
}

DECLARATION = re.compile(r'(?P<kind>\w+)\s+(?P<ret>[\w\s]+?[\s*]+)(?P<name>\w+)\s*'
                         r'\((?P<args>[^()]*)\)\s*(?P<options>.*)')
ARGUMENT = re.compile(r'(?P<type>.*[\s*])(?P<name>\w+)')


class ListError(Exception):
    """The list is wrong; the text begins with file and line."""


@dataclass(frozen=True)
class Arg:
    """One parameter; ctype ends in '*' or is followed by a space when printed."""
    ctype: str
    name: str

    def declare(self):
        """The C declaration of this argument."""
        return self.ctype + ('' if self.ctype.endswith('*') else ' ') + self.name


@dataclass(frozen=True)
class Wrapper:
    """One line of the list."""
    kind: str
    ret: str
    name: str
    args: tuple
    context: str
    target: str

    @property
    def struct(self):
        """Name of the C struct that carries a call across."""
        return ''.join(part.capitalize() for part in self.name.split('_')) + 'Call'

    @property
    def returns(self):
        """Is there a value to return?"""
        return self.ret != 'void'

    def prototype(self):
        """The C prototype of the generated function, without semicolon."""
        args = ', '.join(arg.declare() for arg in self.args) or 'void'
        mark = 'coroutine_fn ' if self.kind.startswith('no_co') else ''
        ret = self.ret if self.ret.endswith('*') else self.ret + ' '
        head = f'{mark}{ret}{self.name}({args})'
        return head if not mark else f'{ret}{mark}{self.name}({args})'


def normalize_type(text):
    """'const  char  * *' -> 'const char **'."""
    text = ' '.join(text.replace('*', ' * ').split())
    text = re.sub(r'\* (?=\*)', '*', text)
    return text


def parse_args(text, where):
    """Split a parameter list."""
    if text.strip() in ('', 'void'):
        return ()
    args = []
    for part in text.split(','):
        match = ARGUMENT.fullmatch(part.strip())
        if not match or '[' in part:
            raise ListError(f"{where}: cannot understand argument '{part.strip()}'")
        args.append(Arg(normalize_type(match['type']), match['name']))
    return tuple(args)


def default_target(kind, name, where):
    """Derive the called function from the generated one's name."""
    prefix, _, rest = name.partition('_')
    if not rest:
        raise ListError(f"{where}: '{name}' has no prefix; give target=")
    if not kind.startswith('no_co'):
        return f'{prefix}_co_{rest}'
    if not rest.startswith('co_'):
        raise ListError(f"{where}: '{name}' is a {kind} but has no '_co_' in its name")
    return f'{prefix}_{rest[3:]}'


def choose_context(kind, args, wanted, where):
    """Check the given context against the first argument, or derive it."""
    first = args[0].ctype if args else None
    if kind.startswith('no_co'):
        if wanted not in (None, 'none'):
            raise ListError(f'{where}: {kind} always runs in the main context')
        return 'none'
    if wanted is None:
        return next((key for key, (ctype, _) in CONTEXTS.items() if ctype and ctype == first),
                    'none')
    if wanted not in CONTEXTS:
        raise ListError(f"{where}: unknown context '{wanted}'")
    ctype = CONTEXTS[wanted][0]
    if ctype and ctype != first:
        raise ListError(f"{where}: context={wanted} needs '{ctype}' as the first argument, "
                        f"not '{first}'")
    return wanted


def parse_options(text, where):
    """'context=bs target=x' -> dict."""
    options = {}
    for word in text.split():
        key, sep, value = word.partition('=')
        if not sep or not value or key not in ('context', 'target') or key in options:
            raise ListError(f"{where}: cannot understand '{word}'")
        options[key] = value
    return options


def parse_declaration(line, where):
    """One logical line -> Wrapper."""
    match = DECLARATION.fullmatch(line)
    if not match:
        raise ListError(f"{where}: expected 'KIND RETURN NAME(ARGS)', got '{line}'")
    kind, name = match['kind'], match['name']
    if kind not in KINDS:
        raise ListError(f"{where}: unknown kind '{kind}'; one of {', '.join(KINDS)}")
    options = parse_options(match['options'], where)
    args = parse_args(match['args'], where)
    target = options.get('target') or default_target(kind, name, where)
    return Wrapper(kind, normalize_type(match['ret']), name, args,
                   choose_context(kind, args, options.get('context'), where), target)


def logical_lines(text):
    """Yield (line number, text) without comments, continuations joined."""
    pending, start = '', 0
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.split('#', 1)[0].rstrip()
        if not pending:
            start = number
        if line.endswith('\\'):
            pending += line[:-1] + ' '
            continue
        whole = ' '.join((pending + line).split())
        pending = ''
        if whole:
            yield start, whole
    if pending:
        raise ListError(f'line {start}: continued line at the end of the file')


def parse_list(text, filename='list'):
    """Whole file -> (includes, wrappers)."""
    includes, wrappers, seen = [], [], set()
    for number, line in logical_lines(text):
        where = f'{filename}:{number}'
        if line.startswith('include '):
            includes.append(line.split()[1])
            continue
        wrapper = parse_declaration(line, where)
        if wrapper.name in seen:
            raise ListError(f"{where}: '{wrapper.name}' is listed twice")
        seen.add(wrapper.name)
        wrappers.append(wrapper)
    return includes, wrappers


def emit_struct(wrapper, first_field):
    """The struct that carries arguments and result."""
    lines = [f'typedef struct {wrapper.struct} {{', f'    {first_field};']
    if wrapper.returns:
        lines.append('    ' + Arg(wrapper.ret, 'ret').declare() + ';')
    lines += [f'    {arg.declare()};' for arg in wrapper.args]
    return lines + [f'}} {wrapper.struct};', '']


def emit_inner_call(wrapper):
    """Call the target with the arguments kept in the struct."""
    args = ', '.join(f'call->{arg.name}' for arg in wrapper.args)
    result = 'call->ret = ' if wrapper.returns else ''
    return f'    {result}{wrapper.target}({args});'


def emit_initializer(wrapper, first):
    """Fill the struct on the wrapper's stack."""
    fields = [first] + [f'.{arg.name} = {arg.name}' for arg in wrapper.args]
    return ([f'    {wrapper.struct} call = {{'] + [f'        {field},' for field in fields]
            + ['    };', ''])


def emit_co_wrapper(wrapper):
    """Plain code -> coroutine."""
    locked = wrapper.kind.endswith('_bdrv_rdlock')
    mixed = '_mixed' in wrapper.kind
    context = CONTEXTS[wrapper.context][1].format(
        arg=wrapper.args[0].name if wrapper.args else '')
    direct = f"{wrapper.target}({', '.join(arg.name for arg in wrapper.args)})"
    lines = emit_struct(wrapper, 'CoCall co_call')
    lines += [f'static void coroutine_fn {wrapper.name}_entry(void *opaque)', '{',
              f'    {wrapper.struct} *call = opaque;', '']
    lines += ['    bdrv_graph_co_rdlock();'] if locked else []
    lines += [emit_inner_call(wrapper)]
    lines += ['    bdrv_graph_co_rdunlock();'] if locked else []
    lines += ['    co_call_done(&call->co_call);', '}', '', wrapper.prototype(), '{']
    if mixed:
        lines += ['    if (qemu_in_coroutine()) {']
        lines += ['        assert_bdrv_graph_readable();'] if locked else []
        lines += ([f'        return {direct};'] if wrapper.returns
                  else [f'        {direct};', '        return;'])
        lines += ['    }', '']
    lines += emit_initializer(wrapper, '.co_call.in_progress = true')
    lines += [] if mixed else ['    assert(!qemu_in_coroutine());']
    lines += [f'    bdrv_graph_check_wait("{wrapper.name}");'] if locked else []
    lines += [f'    AioContext *ctx = {context};', '',
              f'    aio_co_enter(ctx, qemu_coroutine_create({wrapper.name}_entry, &call));',
              '    AIO_WAIT_WHILE_NAMED(ctx, co_call_in_progress(&call.co_call), '
              f'"{wrapper.name}");']
    lines += ['    return call.ret;'] if wrapper.returns else []
    return lines + ['}', '']


def emit_no_co_wrapper(wrapper):
    """Coroutine -> plain code in the main context."""
    lock, unlock = {
        'no_co_wrapper': (None, None),
        'no_co_wrapper_bdrv_rdlock': ('bdrv_graph_rdlock_main_loop',
                                      'bdrv_graph_rdunlock_main_loop'),
        'no_co_wrapper_bdrv_wrlock': ('bdrv_graph_wrlock', 'bdrv_graph_wrunlock'),
    }[wrapper.kind]
    lines = emit_struct(wrapper, 'Coroutine *co')
    lines += [f'static void {wrapper.name}_bh(void *opaque)', '{',
              f'    {wrapper.struct} *call = opaque;', '']
    lines += [f'    {lock}();'] if lock else []
    lines += [emit_inner_call(wrapper)]
    lines += [f'    {unlock}();'] if unlock else []
    lines += ['    aio_co_wake(call->co);', '}', '', wrapper.prototype(), '{',
              '    assert(qemu_in_coroutine());', '']
    lines += emit_initializer(wrapper, '.co = qemu_coroutine_self()')
    lines += [f'    aio_bh_schedule_oneshot(qemu_get_aio_context(), {wrapper.name}_bh, &call);',
              '    qemu_coroutine_yield();']
    lines += ['    return call.ret;'] if wrapper.returns else []
    return lines + ['}', '']


def generate(text, filename='list'):
    """List text -> C text."""
    includes, wrappers = parse_list(text, filename)
    lines = ['/* SPDX-License-Identifier: GPL-2.0-or-later */',
             f'/* Made by co_wrapper.py from {filename}. Do not edit. */']
    lines += [f'#include "{include}"' for include in includes]
    lines += ['#include "aio/coroutine.h"', '#include "aio/wait.h"', '#include "base/assert.h"',
              '']
    for wrapper in wrappers:
        emit = emit_no_co_wrapper if wrapper.kind.startswith('no_co') else emit_co_wrapper
        lines += emit(wrapper)
    return '\n'.join(lines).rstrip('\n') + '\n'


def main(argv):
    """Command line."""
    if len(argv) != 3:
        print(f'usage: {argv[0]} LIST OUTPUT.c', file=sys.stderr)
        return 2
    with open(argv[1], encoding='utf-8') as source:
        text = source.read()
    try:
        output = generate(text, '/'.join(argv[1].split('/')[-3:]))
    except ListError as error:
        print(f'co_wrapper: {error}', file=sys.stderr)
        return 1
    with open(argv[2], 'w', encoding='utf-8') as target:
        target.write(output)
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv))

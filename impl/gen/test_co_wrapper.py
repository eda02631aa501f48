# SPDX-License-Identifier: GPL-2.0-or-later
"""The wrapper generator: what it understands, what it refuses, and that its C compiles."""

import shutil
import subprocess

import pytest

from co_wrapper import KINDS, ListError, generate, main, parse_list


def only(text):
    """Parse a list of one wrapper."""
    _, wrappers = parse_list(text)
    assert len(wrappers) == 1
    return wrappers[0]


@pytest.mark.parametrize('name, kind, target', [
    ('bdrv_flush', 'co_wrapper', 'bdrv_co_flush'),
    ('blk_pwrite', 'co_wrapper_mixed', 'blk_co_pwrite'),
    ('bdrv_writev_vmstate', 'co_wrapper_mixed_bdrv_rdlock', 'bdrv_co_writev_vmstate'),
    ('bdrv_co_open', 'no_co_wrapper', 'bdrv_open'),
    ('bdrv_co_unref', 'no_co_wrapper_bdrv_wrlock', 'bdrv_unref'),
])
def test_target_follows_from_the_name(name, kind, target):
    assert only(f'{kind} int {name}(void)').target == target


@pytest.mark.parametrize('first, context', [
    ('BlockDriverState *bs', 'bs'), ('BdrvChild *child', 'child'), ('BlockBackend *blk', 'blk'),
    ('int fd', 'none'), ('const BlockDriverState *bs', 'none'),
])
def test_context_follows_from_the_first_argument(first, context):
    assert only(f'co_wrapper int bdrv_x({first}, int64_t n)').context == context


def test_types_names_comments_and_continuations():
    wrapper = only('# a comment\n'
                   'co_wrapper  const  char *  bdrv_x(BlockDriverState *bs, \\\n'
                   '    const char * const *names, GError * *errp)  # why\n')
    assert wrapper.ret == 'const char *'
    assert [(arg.ctype, arg.name) for arg in wrapper.args] == [
        ('BlockDriverState *', 'bs'), ('const char * const *', 'names'), ('GError **', 'errp')]


@pytest.mark.parametrize('line, message', [
    ('co_wraper int bdrv_x(void)', "list:1: unknown kind 'co_wraper'"),
    ('co_wrapper int bdrv_x', "list:1: expected 'KIND RETURN NAME(ARGS)'"),
    ('co_wrapper int bdrv_x(int)', "list:1: cannot understand argument 'int'"),
    ('co_wrapper int bdrv_x(int a[3])', 'list:1: cannot understand argument'),
    ('co_wrapper int bdrv_x(int a) context=disk', "list:1: unknown context 'disk'"),
    ('co_wrapper int bdrv_x(int a) context=bs', "list:1: context=bs needs 'BlockDriverState *'"),
    ('co_wrapper int bdrv_x(int a) color=red', "list:1: cannot understand 'color=red'"),
    ('no_co_wrapper int bdrv_open(int a)', "list:1: 'bdrv_open' is a no_co_wrapper but"),
    ('no_co_wrapper int bdrv_co_x(BdrvChild *c) context=child', 'list:1: no_co_wrapper always'),
    ('co_wrapper int flush(void)', "list:1: 'flush' has no prefix"),
])
def test_wrong_lines_are_refused_with_place_and_reason(line, message):
    with pytest.raises(ListError) as error:
        parse_list(line)
    assert str(error.value).startswith(message)


def test_duplicate_and_unfinished_line():
    with pytest.raises(ListError, match='list:2: .bdrv_x. is listed twice'):
        parse_list('co_wrapper int bdrv_x(void)\nco_wrapper int bdrv_x(void)\n')
    with pytest.raises(ListError, match='continued line at the end'):
        parse_list('co_wrapper int bdrv_x(void) \\\n')


def test_reader_lock_is_taken_by_the_coroutine_and_checked_in_the_direct_call():
    text = generate('co_wrapper_mixed_bdrv_rdlock int bdrv_x(BlockDriverState *bs)')
    entry, wrapper = text.split('int bdrv_x(')
    assert entry.index('bdrv_graph_co_rdlock()') < entry.index('bdrv_co_x(call->bs)')
    assert entry.index('bdrv_co_x(call->bs)') < entry.index('bdrv_graph_co_rdunlock()')
    assert 'assert_bdrv_graph_readable();\n        return bdrv_co_x(bs);' in wrapper
    assert 'assert(!qemu_in_coroutine())' not in wrapper


def test_plain_kind_may_not_be_called_in_a_coroutine():
    text = generate('co_wrapper void bdrv_x(BlockBackend *blk)')
    assert 'assert(!qemu_in_coroutine());' in text
    assert 'AioContext *ctx = blk_get_aio_context(blk);' in text
    assert 'return' not in text.split('void bdrv_x(')[1]


def test_writer_lock_is_held_in_the_bottom_half_and_released_before_the_wakeup():
    text = generate('no_co_wrapper_bdrv_wrlock void bdrv_co_x(int a)')
    order = ['bdrv_graph_wrlock()', 'bdrv_x(call->a)', 'bdrv_graph_wrunlock()', 'aio_co_wake(',
             'assert(qemu_in_coroutine())', 'aio_bh_schedule_oneshot(', 'qemu_coroutine_yield()']
    places = [text.index(word) for word in order]
    assert places == sorted(places)


def test_exit_status_and_message(tmp_path, capsys):
    bad = tmp_path / 'bad.list'
    bad.write_text('nonsense\n')
    assert main(['co_wrapper', str(bad), str(tmp_path / 'o.c')]) == 1
    assert 'bad.list:1:' in capsys.readouterr().err
    assert not (tmp_path / 'o.c').exists()
    assert main(['co_wrapper']) == 2


STUBS = '''
#include <stdbool.h>
#define coroutine_fn
#define assert(x) ((void)(x))
typedef struct AioContext AioContext;
typedef struct Coroutine Coroutine;
typedef struct CoCall { bool in_progress; } CoCall;
typedef struct BlockDriverState BlockDriverState;
AioContext *bdrv_get_aio_context(BlockDriverState *bs);
AioContext *qemu_get_aio_context(void);
bool qemu_in_coroutine(void);
void qemu_coroutine_yield(void);
Coroutine *qemu_coroutine_self(void);
Coroutine *qemu_coroutine_create(void (*entry)(void *), void *opaque);
void aio_co_enter(AioContext *ctx, Coroutine *co);
void aio_co_wake(Coroutine *co);
void aio_bh_schedule_oneshot(AioContext *ctx, void (*cb)(void *), void *opaque);
void co_call_done(CoCall *call);
bool co_call_in_progress(CoCall *call);
#define AIO_WAIT_WHILE_NAMED(ctx, cond, what) while (cond) { (void)(ctx); (void)(what); }
void bdrv_graph_check_wait(const char *who);
void bdrv_graph_co_rdlock(void);
void bdrv_graph_co_rdunlock(void);
void bdrv_graph_rdlock_main_loop(void);
void bdrv_graph_rdunlock_main_loop(void);
void bdrv_graph_wrlock(void);
void bdrv_graph_wrunlock(void);
void assert_bdrv_graph_readable(void);
'''


@pytest.mark.skipif(not shutil.which('cc'), reason='no C compiler')
def test_output_of_every_kind_compiles_without_warnings(tmp_path):
    lines, prototypes = ['include stubs.h'], STUBS
    for number, kind in enumerate(KINDS):
        for ret in ('int', 'void', 'const char *'):
            tag = f'{number}{ret[0]}'
            plain, inner = f'bdrv_f{tag}', f'bdrv_co_f{tag}'
            name = inner if kind.startswith('no_co') else plain
            lines.append(f'{kind} {ret} {name}(BlockDriverState *bs, const char *p, int n)')
            for function in (plain, inner):
                prototypes += f'{ret} {function}(BlockDriverState *bs, const char *p, int n);\n'
    (tmp_path / 'stubs.h').write_text(prototypes)
    for folder, header in (('aio', 'coroutine.h'), ('aio', 'wait.h'), ('base', 'assert.h')):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / header).write_text('')
    (tmp_path / 'out.c').write_text(generate('\n'.join(lines)))
    subprocess.run(['cc', '-std=gnu17', '-Wall', '-Wextra', '-Werror', '-Wmissing-prototypes',
                    '-Wshadow', '-fsyntax-only', '-I', str(tmp_path), str(tmp_path / 'out.c')],
                   check=True)

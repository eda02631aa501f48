# SPDX-License-Identifier: GPL-2.0-or-later
"""Goal: nothing outside impl/platform and impl/sched reaches the operating system, or chance, behind the engine's back.

Method: the undefined symbols of the compiled objects, which no macro or inline function can hide from, and words
in the sources for what leaves no symbol. Each ban names what to use instead.
"""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tree import at, c_files, code, fail_with, files, is_test, text

SCHED, IO = "sched/sched.h", "sched/io.h"

# Regular expressions on whole symbol names.
SYMBOLS = [
    (r"pthread_.*|thrd_.*|mtx_.*|cnd_.*|sem_.*|futex.*", SCHED),
    (r"g_(thread|mutex|rec_mutex|rw_lock|cond|once|private|async_queue)_.*", SCHED),
    (r"g_thread_pool_.*|g_task_.*", "aio/thread_pool.h"),
    (r"g_main_.*|g_timeout_.*|g_idle_.*|g_source_.*|g_child_watch.*", "aio/aio.h"),
    (r"clock_.*|gettimeofday|time|times|ftime|timer_create|timerfd_.*", "sched_clock_ns, or aio/timer.h"),
    (r"g_get_(monotonic|real|current)_time|g_date_time_new_now.*|g_timer_.*", "sched_clock_ns, or aio/timer.h"),
    (r"sleep|usleep|nanosleep|g_usleep", "aio/coroutine.h: co_sleep, or a timer"),
    (r"poll|ppoll|epoll_.*|select|pselect|io_uring_.*|eventfd.*", f"aio/aio.h or {IO}"),
    (r"rand|rand_r|random|srandom?|[dlm]rand48|getrandom|getentropy|arc4random.*|g_random_.*|g_rand_.*|g_uuid_.*",
     "sched_random_bytes"),
    (r"qsort|qsort_r", "an order that is total and a sort that is stable: g_ptr_array_sort, g_list_sort"),
    (r"open|open64|openat.*|creat.*|read|write|readv|writev|p(read|write)v?2?(64)?(v2)?|f(data)?sync|ftruncate.*"
     r"|lseek.*|fallocate.*|posix_fallocate.*|fcntl.*|flock|unlink|ioctl|dup[23]?|pipe2?"
     r"|close|stat|fstat|lstat|access", IO),
    (r"fopen.*|fread|g_file_(get|set)_contents|g_io_channel_.*|g_open|g_unlink|g_stat", IO),
    (r"socket|bind|listen|accept4?|connect|send(to|msg)?|recv(from|msg)?|getaddrinfo|socketpair", IO),
    (r"fork|vfork|exec[vl].*|posix_spawn.*|system|popen|wait(pid|id)?|kill|raise|g_spawn_.*", IO),
    (r"sig(nal|action|procmask|longjmp|setjmp)|_?setjmp|_?longjmp", "sched_on_signal, or sched/switch.h"),
    (r"mmap(64)?|munmap|mprotect|madvise", "os_anon_map through impl/mem, or sched_guest_ram_alloc"),
    (r"_exit|exit|quick_exit|abort", "sched_exit, or base/assert.h"),
    (r"malloc|calloc|realloc|free|strdup|strndup|asprintf|vasprintf", "g_malloc, g_new, g_strdup, g_free"),
    (r"getcontext|swapcontext|makecontext", "sched/switch.h"),
    (r"localtime.*|gmtime|ctime.*|mktime|setlocale", "gmtime_r with the engine's clock"),
]
# (symbol, part of an object's name) that may: each with its reason.
SYMBOLS_ALLOWED = {
    ("abort", "impl_base_assert"): "the one place that ends the process on a failed assertion",
    ("free", "json"): "memory that json-c hands over is malloc's",
    ("free", "impl_block_close"): "qemu_vfree: aligned buffers come from posix_memalign",
}

WORDS = [
    (r"%p\b", "names or numbers: an address differs from run to run"),
    (r"__DATE__|__TIME__|__TIMESTAMP__", "nothing: builds are reproducible"),
    (r"\b__thread\b|_Thread_local|thread_local\b", "a slot of sched/sched.h: a fiber cannot carry thread-local state"),
    (r"\bg_hash_table_foreach\b", "a queue, or sorted keys: the order of a hash of pointers follows addresses"),
    (r"\bvolatile\b", "__atomic builtins (or qatomic_*), with a sched_point"),
    (r"#\s*if\s+0\b", "deleting it"),
]
WORDS_ALLOWED_IN = ("impl/platform/", "impl/sched/")


def objects():
    build = Path(os.environ.get("RONDO_BUILD", ""))
    folder = build / "librondo-core.a.p"
    if not os.environ.get("RONDO_BUILD") or not folder.is_dir():
        pytest.skip("needs a build: run through iotests/check")
    return sorted(p for p in folder.glob("*.o") if not p.name.startswith(("impl_platform_", "impl_sched_")))


def undefined(path):
    out = subprocess.run(["nm", "--undefined-only", "--format=posix", str(path)], capture_output=True, text=True,
                         check=True).stdout
    return sorted({line.split()[0].split("@")[0] for line in out.splitlines() if line.strip()})


def symbol_allowed(symbol, obj):
    return any(symbol == s and part in obj for s, part in SYMBOLS_ALLOWED)


def test_compiled_objects_call_only_the_engine():
    problems = []
    bans = [(re.compile(pattern), instead) for pattern, instead in SYMBOLS]
    found = objects()
    assert found, "the library has no objects"
    for path in found:
        for symbol in undefined(path):
            name = symbol.removeprefix("__").removeprefix("isoc99_").removesuffix("_chk")
            for ban, instead in bans:
                if ban.fullmatch(name) and not symbol_allowed(name, path.name):
                    problems.append(f"{path.name}: calls {symbol}; use {instead}")
    fail_with(problems)


def test_the_symbol_test_sees_something(tmp_path):
    """A canary: an object that does call the system must be noticed by the same reader."""
    source = tmp_path / "x.c"
    source.write_text("#include <time.h>\nlong f(void) { struct timespec t; clock_gettime(1, &t); return t.tv_sec; }\n")
    subprocess.run(["cc", "-c", "-o", str(tmp_path / "x.o"), str(source)], check=True)
    assert "clock_gettime" in undefined(tmp_path / "x.o")


@pytest.mark.parametrize("pattern,instead", WORDS, ids=[w[0] for w in WORDS])
def test_banned_words(pattern, instead):
    problems = []
    for path in c_files("impl"):
        if str(path).startswith(WORDS_ALLOWED_IN) or is_test(path):
            continue
        # Formats are inside literals, everything else outside them.
        source = text(path) if pattern.startswith("%") else code(path)
        problems += [f"{at(path, m.start(), source)}: {m.group().strip()}" for m in re.finditer(pattern, source)]
    fail_with(problems, f"Use {instead}.")


def test_no_todo_without_an_issue():
    problems = []
    for path in files():
        if path.suffix not in (".c", ".h", ".S", ".py", ".sh", ".build") or path.name == "test_banned.py":
            continue
        for m in re.finditer(r"\b(TODO|FIXME|XXX|HACK)\b(?!\(#\d+\))", text(path)):
            problems.append(f"{at(path, m.start(), text(path))}: {m.group()}")
    fail_with(problems, "Write TODO(#issue), or do it.")


def test_no_sleeping_in_tests():
    problems = []
    for path in files():
        if path.suffix == ".py" and path.parts[0] in ("iotests", "bugs") and path.name != "test_banned.py":
            problems += [at(path, m.start(), text(path)) for m in re.finditer(r"\btime\.sleep\(", text(path))]
        if path.suffix == ".c" and is_test(path):
            problems += [at(path, m.start(), code(path)) for m in re.finditer(r"\b(g_u|u|nano)?sleep\(", code(path))]
    fail_with(problems, "Wait for an event, a state or a choice.")

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The operating system, and its only caller.
 *
 * Thin functions without policy: no state beyond what the kernel keeps (exceptions are named below), no retry
 * beyond EINTR and short transfers, no printing. Only impl/sched includes this header, plus impl/mem for memory.
 *
 * Unless it says otherwise a function returns 0 or a count >= 0, or -errno.
 */
#ifndef PLATFORM_OS_H
#define PLATFORM_OS_H

#include <glib.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

/* ---- Memory ---- */

/** os_anon_map: @len bytes of zeroed private memory, page aligned, reserved lazily. NULL on failure. */
void *os_anon_map(size_t len);
/** os_anon_unmap: @p may be NULL. */
void os_anon_unmap(void *p, size_t len);
/** os_anon_discard: a page aligned part of a mapping reads as zeroes again and costs nothing until it is written. */
void os_anon_discard(void *p, size_t len);
/** os_stack_map: @len usable bytes with an inaccessible page below. Returns the lowest usable byte or NULL. */
void *os_stack_map(size_t len);
void os_stack_unmap(void *stack, size_t len);
/**
 * os_code_map: @len bytes to execute, never writable, from @data_len bytes to read and write on (both multiples of the
 * page size). NULL on failure. Private: a forked process has its own copy.
 */
void *os_code_map(size_t data_len, size_t len);
void os_code_unmap(void *p, size_t data_len, size_t len);
/**
 * os_code_write: copy @len bytes to @dst in the part to execute. The pages cannot be executed meanwhile, so no
 * other thread may be running code of that mapping. False: the system refused.
 */
bool os_code_write(void *dst, const void *src, size_t len);
/** os_read_own_memory: copy @len bytes at @addr of this process; -EFAULT instead of a fault. For stack walks. */
int os_read_own_memory(uintptr_t addr, void *buf, size_t len) G_GNUC_WARN_UNUSED_RESULT;
/**
 * os_read_own_memory_by_pipe: the same, at most PIPE_BUF bytes, where process_vm_readv() is not there or not allowed
 * (old profiles of containers, qemu-user).
 */
int os_read_own_memory_by_pipe(uintptr_t addr, void *buf, size_t len) G_GNUC_WARN_UNUSED_RESULT;

/* ---- Files ---- */

/** os_open: close-on-exec always. @oflags: of open(2). @mode: permissions of a new file. */
int os_open(const char *path, int oflags, unsigned mode) G_GNUC_WARN_UNUSED_RESULT;
/** os_close: negative @fd: nothing. */
void os_close(int fd);
int os_dup(int fd) G_GNUC_WARN_UNUSED_RESULT;
/** os_open_flags: the flags of open(2) that @fd has now, or -errno. */
int os_open_flags(int fd) G_GNUC_WARN_UNUSED_RESULT;
/* Whole transfers: short ones are continued. Reading stops at the end of the file. */
ssize_t os_preadv_full(int fd, const struct iovec *iov, int niov, uint64_t offset) G_GNUC_WARN_UNUSED_RESULT;
ssize_t os_pwritev_full(int fd, const struct iovec *iov, int niov, uint64_t offset) G_GNUC_WARN_UNUSED_RESULT;
/* One call to the kernel each. */
ssize_t os_read(int fd, void *buf, size_t len) G_GNUC_WARN_UNUSED_RESULT;
ssize_t os_write(int fd, const void *buf, size_t len) G_GNUC_WARN_UNUSED_RESULT;
ssize_t os_writev(int fd, const struct iovec *iov, int niov) G_GNUC_WARN_UNUSED_RESULT;
int os_fdatasync(int fd) G_GNUC_WARN_UNUSED_RESULT;
int os_ftruncate(int fd, uint64_t length) G_GNUC_WARN_UNUSED_RESULT;
/** os_fallocate: @mode: FALLOC_FL_*; -ENOTSUP when the file system cannot. */
int os_fallocate(int fd, int mode, uint64_t offset, uint64_t len) G_GNUC_WARN_UNUSED_RESULT;
/** os_preallocate: like posix_fallocate: storage is allocated, by writing if there is no other way. */
int os_preallocate(int fd, uint64_t offset, uint64_t len) G_GNUC_WARN_UNUSED_RESULT;

typedef struct OsFileInfo {
    unsigned mode;              /* st_mode */
    uint64_t length;            /* bytes; of the medium for a block device */
    uint64_t allocated;         /* bytes of storage in use */
} OsFileInfo;

int os_file_info(int fd, OsFileInfo *ret) G_GNUC_WARN_UNUSED_RESULT;
/** os_file_extent: 1 data, 0 hole at @offset, @ret_len bytes of it (>= 1). -ENXIO past the end. */
int os_file_extent(int fd, uint64_t offset, uint64_t *ret_len) G_GNUC_WARN_UNUSED_RESULT;

typedef enum OsLock {
    OS_LOCK_SHARED,
    OS_LOCK_EXCLUSIVE,
    OS_LOCK_NONE,
} OsLock;

/** os_file_lock: open-file-description lock of bytes, or its release. -EAGAIN when held by another. */
int os_file_lock(int fd, uint64_t offset, uint64_t len, OsLock how) G_GNUC_WARN_UNUSED_RESULT;
/** os_file_test_lock: 0 if another description would get it now, else -EAGAIN. */
int os_file_test_lock(int fd, uint64_t offset, uint64_t len, OsLock how) G_GNUC_WARN_UNUSED_RESULT;
int os_unlink(const char *path);
bool os_exists(const char *path);
int os_set_nonblock(int fd, bool nonblock) G_GNUC_WARN_UNUSED_RESULT;

/* ---- Sockets: "unix:PATH", "tcp:HOST:PORT", "tcp:[V6]:PORT"; an empty HOST listens everywhere ---- */

/** os_addr_check: is @addr well-formed? 0 or -EINVAL. */
int os_addr_check(const char *addr) G_GNUC_WARN_UNUSED_RESULT;
/** os_listen: non-blocking. A path that exists as a socket is replaced. -EADDRNOTAVAIL: host not found. */
int os_listen(const char *addr) G_GNUC_WARN_UNUSED_RESULT;
/** os_accept: the new descriptor is non-blocking. -EAGAIN: nobody waits. -EMFILE, -ENFILE: one who did is refused. */
int os_accept(int listener) G_GNUC_WARN_UNUSED_RESULT;
/** os_connect: blocks. The descriptor is left blocking. */
int os_connect(const char *addr) G_GNUC_WARN_UNUSED_RESULT;
/** os_bound_address: as "tcp:HOST:PORT" or "unix:PATH". Caller g_free()s. NULL: not a bound socket. */
char *os_bound_address(int fd);
/** os_recv_fds: like read, and takes passed descriptors: room for *@nfds, on return *@nfds valid ones. */
ssize_t os_recv_fds(int fd, void *buf, size_t len, int *fds, unsigned *nfds) G_GNUC_WARN_UNUSED_RESULT;
/** os_shutdown: both directions; not an error if @fd is no socket. */
int os_shutdown(int fd) G_GNUC_WARN_UNUSED_RESULT;

/* ---- Waiting ---- */

int os_eventfd(void) G_GNUC_WARN_UNUSED_RESULT;
void os_eventfd_set(int fd);
/** os_eventfd_clear: was it set? */
bool os_eventfd_clear(int fd);
/** os_poll: @timeout_ns < 0: no limit. Restarted with what is left of the time after a signal. */
int os_poll(struct pollfd *fds, unsigned nfds, int64_t timeout_ns) G_GNUC_WARN_UNUSED_RESULT;

/* ---- Time and chance ---- */

int64_t os_clock_monotonic_ns(void);
int64_t os_clock_realtime_ns(void);
void os_random_bytes(void *buf, size_t len);

/* ---- Threads ---- */

/** os_thread_create: all signals blocked in it. @name: the first 15 bytes show in debuggers. */
int os_thread_create(pthread_t *ret, const char *name, void *(*fn)(void *), void *opaque) G_GNUC_WARN_UNUSED_RESULT;
void os_thread_join(pthread_t t);
/** os_thread_number: what the kernel calls the calling thread (gettid(2)). */
int os_thread_number(void);
/**
 * os_thread_take_kicks: from now on os_thread_kick() ends a blocking call of this thread with -EINTR. Uses SIGUSR1,
 * process-wide. os_thread_kick: any thread.
 */
void os_thread_take_kicks(void);
void os_thread_kick(pthread_t t);
/**
 * os_thread_self: what this thread passed to os_thread_set_self, or NULL.
 * Never inlined: a coroutine may continue on another thread, so no caller may remember the address.
 */
void *os_thread_self(void);
void os_thread_set_self(void *self);

/* Failure of these means a bug of ours; it ends the process. Conditions wait on the monotonic clock. */
void os_mutex_init(pthread_mutex_t *m);
void os_mutex_destroy(pthread_mutex_t *m);
void os_mutex_lock(pthread_mutex_t *m);
bool os_mutex_trylock(pthread_mutex_t *m);
void os_mutex_unlock(pthread_mutex_t *m);
void os_cond_init(pthread_cond_t *c);
void os_cond_destroy(pthread_cond_t *c);
void os_cond_wait(pthread_cond_t *c, pthread_mutex_t *m);
/** os_cond_wait_until: @deadline_ns on os_clock_monotonic_ns. False if the time ran out. */
bool os_cond_wait_until(pthread_cond_t *c, pthread_mutex_t *m, int64_t deadline_ns);
void os_cond_signal(pthread_cond_t *c);
void os_cond_broadcast(pthread_cond_t *c);

/* ---- Processes ---- */

/** os_pipe: [0] to read, [1] to write, close-on-exec. */
int os_pipe(int ret_fds[2]) G_GNUC_WARN_UNUSED_RESULT;
/** os_spawn: run @argv (searched in PATH) with default signals. -1 for a descriptor: inherited. Returns the pid. */
int os_spawn(const char *const *argv, int stdin_fd, int stdout_fd) G_GNUC_WARN_UNUSED_RESULT;
/** os_wait: exit status 0..255, 128 + signal, or -errno. */
int os_wait(int pid);
int os_getpid(void);
/** os_exit: no atexit handlers; only the C library's buffers and coverage counters are written out. */
G_NORETURN void os_exit(int status);
/** os_ignore_sigpipe: writes to a closed peer give -EPIPE. Process-wide. */
void os_ignore_sigpipe(void);
/** os_signals_to_eventfd: SIGTERM, SIGINT, SIGHUP set @eventfd from now on; -1: default actions again. Process-wide. */
void os_signals_to_eventfd(int eventfd);

/* ---- Terminal ---- */

/**
 * os_stdio_raw: standard input non-blocking and, when it is a terminal and @raw, without line editing and echo.
 * What it changes is undone at exit() and by os_stdio_restore(). Process-wide.
 */
int os_stdio_raw(bool raw) G_GNUC_WARN_UNUSED_RESULT;
void os_stdio_restore(void);

#endif

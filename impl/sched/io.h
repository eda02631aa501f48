/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine seam, second half: descriptors, poll, files, sockets, processes.
 *
 * In engine_os a descriptor is the kernel's. In engine_sim it is a number of ours (>= 65536) for a modelled object:
 *   notifier   a counter;
 *   file       reads from the real image, writes into an overlay that knows what was flushed; the image stays as
 *   it was;
 *   stream     a named channel to the outside: bytes in come from the client's script (or, while recording, from the
 *              real peer), bytes out are kept in the event digest and, while recording, also sent.
 *
 * All functions return 0 or a count >= 0, or -errno, unless they say otherwise.
 * "Blocks" means the OS thread: call those from worker threads, at open time, or on descriptors that are ready.
 */
#ifndef SCHED_IO_H
#define SCHED_IO_H

#include "sched/sched.h"

#include <sys/types.h>
#include <sys/uio.h>

/* ---- Poll ---- */

/**
 * sched_poll: wait until one of @fds is ready or @timeout_ns has passed (-1: no limit, 0: do not wait).
 * @who: the loop that waits, for traces and reports. Events are G_IO_IN, G_IO_OUT, G_IO_ERR, G_IO_HUP.
 * Returns the number of entries with revents, 0 on timeout. Blocks.
 */
int sched_poll(SchedObject *who, GPollFD *fds, unsigned nfds, int64_t timeout_ns);

/* ---- Notifiers (eventfd) ---- */

typedef struct SchedNotifier {
    SchedObject o;
    int fd;
} SchedNotifier;

int sched_notifier_init(SchedNotifier *n, const char *name) G_GNUC_WARN_UNUSED_RESULT;
void sched_notifier_cleanup(SchedNotifier *n);
void sched_notifier_set(SchedNotifier *n);
bool sched_notifier_test_and_clear(SchedNotifier *n);

/* ---- Files ---- */

enum {
    SCHED_FILE_WRITE = 1 << 0,
    SCHED_FILE_CREATE = 1 << 1,
    SCHED_FILE_EXCL = 1 << 2,
    SCHED_FILE_TRUNC = 1 << 3,
    SCHED_FILE_DIRECT = 1 << 4,     /* O_DIRECT */
};

typedef enum SchedFileType {
    SCHED_FILE_REGULAR,
    SCHED_FILE_BLOCK,
    SCHED_FILE_CHAR,
    SCHED_FILE_OTHER,
} SchedFileType;

/**
 * sched_file_open: @name for traces (node or image role, not the path). Blocks.
 * Returns a descriptor or -errno.
 */
int sched_file_open(const char *name, const char *path, int flags) G_GNUC_WARN_UNUSED_RESULT;
/**
 * sched_file_adopt: take over kernel descriptor @os_fd (inherited or passed). It must have been opened with exactly the
 * WRITE and DIRECT of @flags: -EACCES otherwise. -ENOTSUP in engine_sim, where it could not be replayed.
 */
int sched_file_adopt(const char *name, int os_fd, int flags) G_GNUC_WARN_UNUSED_RESULT;
int sched_file_type(int fd, SchedFileType *ret_type) G_GNUC_WARN_UNUSED_RESULT;
int64_t sched_file_length(int fd);
/** sched_file_allocated: bytes of storage in use, or -errno. */
int64_t sched_file_allocated(int fd);
/* Whole or nothing: short transfers are retried inside; reading past the end gives a short count. All block. */
ssize_t sched_file_preadv(int fd, const struct iovec *iov, int niov, uint64_t offset) G_GNUC_WARN_UNUSED_RESULT;
ssize_t sched_file_pwritev(int fd, const struct iovec *iov, int niov, uint64_t offset) G_GNUC_WARN_UNUSED_RESULT;
int sched_file_flush(int fd) G_GNUC_WARN_UNUSED_RESULT;
int sched_file_truncate(int fd, uint64_t length) G_GNUC_WARN_UNUSED_RESULT;
/** sched_file_preallocate: @full: allocate blocks (posix_fallocate), else only grow. */
int sched_file_preallocate(int fd, uint64_t offset, uint64_t len) G_GNUC_WARN_UNUSED_RESULT;
/**
 * sched_file_zero: range reads as zeroes afterwards; @may_unmap: storage may be given back. -ENOTSUP if the file
 * system cannot.
 */
int sched_file_zero(int fd, uint64_t offset, uint64_t len, bool may_unmap) G_GNUC_WARN_UNUSED_RESULT;
int sched_file_discard(int fd, uint64_t offset, uint64_t len) G_GNUC_WARN_UNUSED_RESULT;
/** sched_file_extent: is @offset data (1) or hole (0), and for how many bytes (@ret_len, >= 1)? -ENXIO past the end. */
int sched_file_extent(int fd, uint64_t offset, uint64_t *ret_len) G_GNUC_WARN_UNUSED_RESULT;
/** sched_file_lock: byte-range lock of the open file description. -EAGAIN if somebody else holds it. */
int sched_file_lock(int fd, uint64_t offset, uint64_t len, bool exclusive) G_GNUC_WARN_UNUSED_RESULT;
int sched_file_unlock(int fd, uint64_t offset, uint64_t len) G_GNUC_WARN_UNUSED_RESULT;
/** sched_file_test_lock: would the lock be granted to another description? 0 or -EAGAIN. */
int sched_file_test_lock(int fd, uint64_t offset, uint64_t len, bool exclusive) G_GNUC_WARN_UNUSED_RESULT;
int sched_file_unlink(const char *path) G_GNUC_WARN_UNUSED_RESULT;
bool sched_file_exists(const char *path);
/** sched_file_read_all: contents of a small file. @max: refuse more than this (-EFBIG). Caller g_free()s. */
int sched_file_read_all(const char *path, size_t max, char **ret_buf, size_t *ret_len) G_GNUC_WARN_UNUSED_RESULT;

/* ---- Streams ---- */

/* Where a stream goes: "unix:PATH", "tcp:HOST:PORT" (also "[v6]:PORT"), parsed by sched_addr_check. */

/**
 * sched_stream_listen: @name is the channel's identity in scripts ("qmp0", "serial0", "migration"); the k-th accepted
 * connection is "@name#k". A unix path that exists as a socket is replaced.
 */
int sched_stream_listen(const char *name, const char *addr) G_GNUC_WARN_UNUSED_RESULT;
/**
 * sched_stream_bound_address: the address in "tcp:HOST:PORT" form with the real port. Caller g_free()s; NULL if not
 * bound.
 */
char *sched_stream_bound_address(int fd);
/** sched_stream_accept: -EAGAIN if nobody is waiting. The new descriptor is non-blocking. */
int sched_stream_accept(int listener) G_GNUC_WARN_UNUSED_RESULT;
/** sched_stream_connect: blocks until connected or refused. */
int sched_stream_connect(const char *name, const char *addr) G_GNUC_WARN_UNUSED_RESULT;
/** sched_stream_adopt: take over kernel descriptor @os_fd (inherited or passed); it is closed with the stream. */
int sched_stream_adopt(const char *name, int os_fd) G_GNUC_WARN_UNUSED_RESULT;
/** sched_stream_spawn: run @argv; @writable: our end is its stdin, else its stdout. */
int sched_stream_spawn(const char *name, const char *const *argv, bool writable) G_GNUC_WARN_UNUSED_RESULT;
/**
 * sched_stream_wait_child: close a spawned stream and wait; returns its exit status (0..255, 128+signal) or -errno.
 * Blocks.
 */
int sched_stream_wait_child(int fd);
/** sched_stream_stdio: both standard descriptors as one stream, raw terminal mode when it is a terminal and @raw. */
int sched_stream_stdio(bool raw) G_GNUC_WARN_UNUSED_RESULT;
int sched_stream_set_blocking(int fd, bool blocking) G_GNUC_WARN_UNUSED_RESULT;
/* 0 from read is end of stream; -EAGAIN when not ready and non-blocking. */
ssize_t sched_stream_read(int fd, void *buf, size_t len) G_GNUC_WARN_UNUSED_RESULT;
ssize_t sched_stream_write(int fd, const void *buf, size_t len) G_GNUC_WARN_UNUSED_RESULT;
ssize_t sched_stream_writev(int fd, const struct iovec *iov, int niov) G_GNUC_WARN_UNUSED_RESULT;
/**
 * sched_stream_read_fds: read that also takes descriptors passed with SCM_RIGHTS.
 * @os_fds: room for *@nfds; on return *@nfds are filled, owned by the caller (kernel descriptors; close with
 * sched_close_os).
 */
ssize_t sched_stream_read_fds(int fd, void *buf, size_t len, int *os_fds, unsigned *nfds) G_GNUC_WARN_UNUSED_RESULT;
int sched_stream_shutdown(int fd) G_GNUC_WARN_UNUSED_RESULT;

/**
 * sched_library_sockets: may a library below this seam have sockets of its own, to be waited for with sched_poll?
 * 0, or -ENOTSUP in engine_sim, where what comes through them could not be replayed.
 */
int sched_library_sockets(void) G_GNUC_WARN_UNUSED_RESULT;

/** sched_close: any descriptor of this header. Negative: nothing. */
void sched_close(int fd);
void sched_close_os(int os_fd);
int sched_dup(int fd) G_GNUC_WARN_UNUSED_RESULT;

/* ---- Process ---- */

/**
 * sched_exit: end the process now with @status (0..255), flushing nothing of ours. The simulator reports the end of
 * the run.
 */
G_NORETURN void sched_exit(int status);
/** sched_guest_ram_alloc: @size bytes of zeroed memory, page aligned. NULL when there is not enough. */
void *sched_guest_ram_alloc(size_t size);
void sched_guest_ram_free(void *ram, size_t size);
/**
 * sched_code_alloc: memory for generated code, see os_code_map(): @data_len bytes of data, then @len of code. NULL:
 * the system allows none.
 */
void *sched_code_alloc(size_t data_len, size_t len);
void sched_code_free(void *p, size_t data_len, size_t len);
bool sched_code_write(void *dst, const void *src, size_t len);
/**
 * sched_on_signal: from now on SIGTERM/SIGINT/SIGHUP write to @n instead of killing the process. engine_os only; else
 * nothing.
 */
void sched_on_signal(SchedNotifier *n);
int sched_getpid(void);

#endif

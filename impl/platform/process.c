/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Child processes, signals, the end of the process, the terminal.
 *
 * Owns the three things that belong to a process and not to a machine: the signal target, and the terminal and
 * descriptor modes to be restored. Set from the main thread.
 */
#include "platform/os.h"
#include "base/assert.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

extern char **environ;

static int signal_eventfd = -1;

static struct {
    bool changed;
    bool is_terminal;
    int in_flags, out_flags;
    struct termios mode;
} stdio;

int os_pipe(int ret_fds[2])
{
    return pipe2(ret_fds, O_CLOEXEC) < 0 ? -errno : 0;
}

int os_spawn(const char *const *argv, int stdin_fd, int stdout_fd)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t defaults, none;
    pid_t pid;
    int r;

    posix_spawn_file_actions_init(&actions);
    if (stdin_fd >= 0) {
        posix_spawn_file_actions_adddup2(&actions, stdin_fd, STDIN_FILENO);
    }
    if (stdout_fd >= 0) {
        posix_spawn_file_actions_adddup2(&actions, stdout_fd, STDOUT_FILENO);
    }
    posix_spawnattr_init(&attr);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    sigemptyset(&none);
    posix_spawnattr_setsigdefault(&attr, &defaults);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    r = posix_spawnp(&pid, argv[0], &actions, &attr, (char *const *)argv, environ);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&actions);
    return r != 0 ? -r : pid;
}

int os_wait(int pid)
{
    int status;
    pid_t r;

    do {
        r = waitpid(pid, &status, 0);
    } while (r < 0 && errno == EINTR);
    if (r < 0) {
        return -errno;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int os_getpid(void)
{
    return getpid();
}

#ifdef RONDO_COVERAGE
void __gcov_dump(void);
#endif

void os_exit(int status)
{
    os_stdio_restore();
    fflush(NULL);
#ifdef RONDO_COVERAGE
    __gcov_dump();
#endif
    _exit(status);
}

void os_ignore_sigpipe(void)
{
    struct sigaction sa = { .sa_handler = SIG_IGN };
    int r = sigaction(SIGPIPE, &sa, NULL);

    assert(r == 0);
}

static void on_signal(int sig)
{
    int saved = errno;

    os_eventfd_set(signal_eventfd);
    errno = saved;
}

void os_signals_to_eventfd(int eventfd)
{
    static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
    struct sigaction sa = { .sa_handler = eventfd >= 0 ? on_signal : SIG_DFL, .sa_flags = SA_RESTART };

    if (eventfd >= 0) {
        signal_eventfd = eventfd;       /* before the handler can run */
    }
    for (size_t i = 0; i < G_N_ELEMENTS(signals); i++) {
        int r = sigaction(signals[i], &sa, NULL);
        assert(r == 0);
    }
}

int os_stdio_raw(bool raw)
{
    struct termios mode;
    int in_flags = fcntl(STDIN_FILENO, F_GETFL);
    int out_flags = fcntl(STDOUT_FILENO, F_GETFL);
    int r;

    if (in_flags < 0 || out_flags < 0) {
        return -errno;
    }
    if (!stdio.changed) {
        stdio.changed = true;
        stdio.in_flags = in_flags;
        stdio.out_flags = out_flags;
        stdio.is_terminal = tcgetattr(STDIN_FILENO, &stdio.mode) == 0;
        atexit(os_stdio_restore);
    }
    r = os_set_nonblock(STDIN_FILENO, true);
    if (r < 0) {
        return r;
    }
    if (raw && stdio.is_terminal) {
        mode = stdio.mode;
        cfmakeraw(&mode);
        mode.c_oflag |= OPOST;      /* our own messages end in a bare newline */
        if (tcsetattr(STDIN_FILENO, TCSANOW, &mode) < 0) {
            return -errno;
        }
    }
    return 0;
}

void os_stdio_restore(void)
{
    if (!stdio.changed) {
        return;
    }
    stdio.changed = false;
    if (stdio.is_terminal) {
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &stdio.mode);
    }
    (void)fcntl(STDIN_FILENO, F_SETFL, stdio.in_flags);
    (void)fcntl(STDOUT_FILENO, F_SETFL, stdio.out_flags);
}

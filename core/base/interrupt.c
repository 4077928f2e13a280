/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first signal asks: it is noted, and the work looks at it between two steps. The second one
 * ends the process from within its handler, so that it does not matter where the work hangs: in a
 * plugin, in a library of its, in a call that never returns. What a run leaves behind then is what
 * kill -9 would leave, and the next run takes care of it; a line says so where an import is half
 * done. Only calls that are safe in a handler (signal-safety(7)) are made there.
 *
 *      first SIGINT, SIGTERM, SIGHUP      noted; the run ends in order
 *      the same within 100 ms             the same one: timeout(1) signals the process, and then
 *                                         its whole group
 *      SIGINT or SIGTERM after that       a line, and the end
 *      SIGHUP after that                  nothing: a terminal that goes away sends several
 *
 * What is ignored when the program starts stays ignored: nohup(1) and the shell, for what it runs
 * in the background, mean that.
 */
#include "base/interrupt.h"

#include "base/child.h"
#include "base/memory.h"
#include "base/name.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { SAME_MILLISECONDS = 100 };

/* The state that a signal handler can reach: lock-free, so that it is safe there and in threads. */
static atomic_int stop_signal;
static atomic_llong stop_time; /* of the first one, in milliseconds of the monotonic clock */
static atomic_size_t last_words;
static char last_text[512]; /* what the second signal says: `last_words` bytes of it */

static const int stop_signals[] = {SIGINT, SIGTERM, SIGHUP};

static long long milliseconds(void)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Does not block where nobody reads: the process must end now. */
void hb_interrupt_say_last_words(void)
{
    struct pollfd output = {.fd = STDERR_FILENO, .events = POLLOUT};
    size_t bytes = atomic_load(&last_words);
    if (bytes > 0 && poll(&output, 1, 0) == 1 && (output.revents & POLLOUT) != 0 &&
        write(STDERR_FILENO, last_text, bytes) < 0)
        return;
}

/* 0: another thread is about to note the first one. */
static bool is_the_first(int number, long long milliseconds_later)
{
    int noted = atomic_load(&stop_signal);
    return (noted == 0 || noted == number) && milliseconds_later <= SAME_MILLISECONDS;
}

static void on_signal(int number)
{
    int error = errno;
    long long now = milliseconds(), first = 0;
    if (atomic_compare_exchange_strong(&stop_time, &first, now)) {
        atomic_store(&stop_signal, number);
        alarm(1);
    } else if (number != SIGHUP && !is_the_first(number, now - first)) {
        hb_interrupt_say_last_words();
        hb_child_kill_all();
        _exit(128 + number);
    }
    errno = error;
}

/*
 * A call that blocks, such as a write to a pipe, may have been about to begin when the signal came,
 * and would not hear of it: it is interrupted once a second from then on.
 */
static void on_alarm(int number)
{
    (void)number;
    if (atomic_load(&stop_signal) != 0)
        alarm(1);
}

int hb_interrupt_signal(void)
{
    return atomic_load_explicit(&stop_signal, memory_order_relaxed);
}

void hb_interrupt_last_words(const char *text)
{
    atomic_store(&last_words, 0);
    if (text == NULL)
        return;
    HB_AUTO_FREE char *shown = hb_printable(text);
    int bytes = snprintf(last_text, sizeof last_text, "hbcore: %s\n", shown);
    if (bytes > 0 && (size_t)bytes < sizeof last_text)
        atomic_store(&last_words, (size_t)bytes);
}

/* A signal between the look at it and the wait would be slept through, so it is held meanwhile. */
bool hb_interrupt_wait_input(int fd)
{
    struct pollfd input = {.fd = fd, .events = POLLIN};
    sigset_t held, usual;
    bool readable = false;
    sigemptyset(&held);
    for (size_t i = 0; i < sizeof stop_signals / sizeof *stop_signals; i++)
        sigaddset(&held, stop_signals[i]);
    pthread_sigmask(SIG_BLOCK, &held, &usual);
    while (!readable && hb_interrupt_signal() == 0) {
        int ready = ppoll(&input, 1, NULL, &usual);
        readable = ready > 0 || (ready < 0 && errno != EINTR);
    }
    pthread_sigmask(SIG_SETMASK, &usual, NULL);
    return readable;
}

static void notice(int number, const struct sigaction *action)
{
    struct sigaction before;
    if (sigaction(number, NULL, &before) == 0 && (before.sa_flags & SA_SIGINFO) == 0 &&
        before.sa_handler == SIG_IGN)
        return;
    sigaction(number, action, NULL);
}

void hb_interrupt_install(void)
{
    /* No SA_RESTART: a read from a terminal or a slow pipe shall end. */
    struct sigaction action = {.sa_handler = on_signal};
    for (size_t i = 0; i < sizeof stop_signals / sizeof *stop_signals; i++)
        notice(stop_signals[i], &action);
    action.sa_handler = on_alarm; /* our own, whatever it was */
    sigaction(SIGALRM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_DFL); /* ignored, nobody could tell how a child ended */
    signal(SIGXFSZ, SIG_IGN); /* a file size limit is an error of write(), with a message */
}

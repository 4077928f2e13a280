/* SPDX-License-Identifier: Apache-2.0 */
#include "base/interrupt.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

/* The one piece of state that a signal handler can reach. */
static atomic_int stop_signal; /* lock-free: safe in a handler, and between threads */

static const int stop_signals[] = {SIGINT, SIGTERM, SIGHUP};

static void on_signal(int number)
{
    atomic_store(&stop_signal, number);
    alarm(1);
}

/*
 * A call that blocks, such as a write to a pipe, may have been about to begin when the signal came,
 * and would not hear of it: it is interrupted once a second from then on.
 */
static void on_alarm(int number)
{
    (void)number;
    alarm(1);
}

int hb_interrupt_signal(void)
{
    return atomic_load_explicit(&stop_signal, memory_order_relaxed);
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

void hb_interrupt_install(void)
{
    /* No SA_RESTART: a read from a terminal or a slow pipe shall end. */
    struct sigaction action = {.sa_handler = on_signal};
    for (size_t i = 0; i < sizeof stop_signals / sizeof *stop_signals; i++)
        sigaction(stop_signals[i], &action, NULL);
    action.sa_handler = on_alarm;
    sigaction(SIGALRM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file size limit is an error of write(), with a message */
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/process_state.h"

#include <fcntl.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Those that decide how the program ends, or whether a write can fail. */
static const int signals[] = {SIGINT,  SIGTERM, SIGHUP, SIGQUIT, SIGALRM, SIGPIPE, SIGXFSZ,
                              SIGCHLD, SIGSEGV, SIGBUS, SIGFPE,  SIGILL,  SIGABRT};
enum { SIGNALS = sizeof signals / sizeof *signals, STANDARD = 3, FIRST_FREE = 100 };

/* What the process is like is one thing, so this is a global. Written before there are threads. */
static struct {
    bool noted;
    mode_t umask;
    int directory; /* O_PATH; -1: it cannot be told */
    struct stat directory_status;
    char locale[512]; /* of all categories */
    sigset_t mask;
    struct sigaction actions[SIGNALS];
    int descriptors[STANDARD]; /* copies of 0, 1 and 2 */
    struct stat descriptor_status[STANDARD];
} state = {.directory = -1};

static atomic_bool disturbed;
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

void hb_process_disturb(void)
{
    atomic_store(&disturbed, true);
}

bool hb_process_was_disturbed(void)
{
    return atomic_load(&disturbed);
}

/* ---- noting -------------------------------------------------------------------------------- */

/* Without setting it, which other threads would see. 0777 + 1: it cannot be told. */
static mode_t umask_now(void)
{
    char text[1024];
    unsigned mask = 01000;
    int fd = open("/proc/thread-self/status", O_RDONLY | O_CLOEXEC);
    ssize_t bytes = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    text[bytes < 0 ? 0 : bytes] = '\0';
    const char *line = strstr(text, "\nUmask:");
    if (line != NULL)
        mask = (unsigned)strtoul(line + sizeof "\nUmask:" - 1, NULL, 8);
    return mask;
}

static const char *locale_now(void)
{
    const char *name = setlocale(LC_ALL, NULL);
    return name == NULL ? "" : name;
}

void hb_process_note_signals(void)
{
    for (size_t i = 0; i < SIGNALS; i++)
        sigaction(signals[i], NULL, &state.actions[i]);
}

void hb_process_note(void)
{
    state.umask = umask_now();
    state.directory = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (state.directory >= 0 && fstat(state.directory, &state.directory_status) != 0)
        state.directory = -1;
    snprintf(state.locale, sizeof state.locale, "%s", locale_now());
    pthread_sigmask(SIG_BLOCK, NULL, &state.mask);
    hb_process_note_signals();
    for (int fd = 0; fd < STANDARD; fd++) {
        state.descriptors[fd] = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FREE);
        if (state.descriptors[fd] >= 0 && fstat(fd, &state.descriptor_status[fd]) != 0)
            state.descriptors[fd] = -1;
    }
    state.noted = true;
}

/* ---- putting back -------------------------------------------------------------------------- */

static bool umask_changed(void)
{
    mode_t now = umask_now();
    if (now > 0777 || state.umask > 0777 || now == state.umask)
        return false;
    umask(state.umask);
    return true;
}

static bool directory_changed(void)
{
    struct stat now;
    if (state.directory < 0 ||
        (stat(".", &now) == 0 && now.st_dev == state.directory_status.st_dev &&
         now.st_ino == state.directory_status.st_ino))
        return false;
    return fchdir(state.directory) == 0;
}

/* Of the process, and of this thread. */
static bool locale_changed(void)
{
    bool of_thread = uselocale((locale_t)0) != LC_GLOBAL_LOCALE;
    bool of_process = strcmp(locale_now(), state.locale) != 0;
    if (of_thread)
        uselocale(LC_GLOBAL_LOCALE);
    if (of_process)
        setlocale(LC_ALL, state.locale);
    return of_thread || of_process;
}

static bool same_action(const struct sigaction *a, const struct sigaction *b)
{
    return a->sa_flags == b->sa_flags &&
           ((a->sa_flags & SA_SIGINFO) != 0 ? a->sa_sigaction == b->sa_sigaction
                                            : a->sa_handler == b->sa_handler);
}

static bool signals_changed(void)
{
    bool changed = false;
    sigset_t mask;
    for (size_t i = 0; i < SIGNALS; i++) {
        struct sigaction now;
        if (sigaction(signals[i], NULL, &now) != 0 || same_action(&now, &state.actions[i]))
            continue;
        sigaction(signals[i], &state.actions[i], NULL);
        changed = true;
    }
    if (pthread_sigmask(SIG_BLOCK, NULL, &mask) == 0)
        for (size_t i = 0; i < SIGNALS; i++)
            if (sigismember(&mask, signals[i]) != sigismember(&state.mask, signals[i])) {
                pthread_sigmask(SIG_SETMASK, &state.mask, NULL);
                return true;
            }
    return changed;
}

static bool descriptors_changed(void)
{
    bool changed = false;
    for (int fd = 0; fd < STANDARD; fd++) {
        struct stat now;
        const struct stat *then = &state.descriptor_status[fd];
        if (state.descriptors[fd] < 0 ||
            (fstat(fd, &now) == 0 && now.st_dev == then->st_dev && now.st_ino == then->st_ino &&
             now.st_rdev == then->st_rdev))
            continue;
        changed = dup2(state.descriptors[fd], fd) >= 0 || changed;
    }
    return changed;
}

static const struct {
    bool (*changed)(void); /* and puts it back */
    const char *name;
} parts[] = {
    {umask_changed, "the umask"},
    {directory_changed, "the working directory"},
    {locale_changed, "the locale"},
    {signals_changed, "what signals do"},
    {descriptors_changed, "standard input, output or error"},
};

bool hb_process_put_back(char *what, size_t bytes)
{
    size_t used = 0;
    what[0] = '\0';
    if (!state.noted)
        return false;
    pthread_mutex_lock(&one_at_a_time);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i].changed() && used < bytes)
            used += (size_t)snprintf(what + used, bytes - used, "%s%s", used == 0 ? "" : ", ",
                                     parts[i].name);
    pthread_mutex_unlock(&one_at_a_time);
    return used > 0;
}

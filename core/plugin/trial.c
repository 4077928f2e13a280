/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A command looks into every plugin on the search path, to know which formats there are. One that
 * ends the process as soon as it is loaded (abort() in a constructor, damage within its tables)
 * would end all commands, though nobody uses it. So those are loaded first in a child. It says how
 * far it has come in memory that both see; where it dies, the one it was at is bad, and another
 * child tries the rest. As a rule one child is enough.
 */
#include "plugin/trial.h"

#include "plugin/inside.h"
#include "plugin/process_state.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_SECONDS = 10 };

/* Nothing of what it prints is seen, it leaves no core dump, and it does not hang for ever. */
static void be_the_child(void)
{
    static const int usual[] = {SIGINT, SIGTERM, SIGHUP, SIGALRM, SIGSEGV,
                                SIGBUS, SIGFPE,  SIGILL, SIGABRT};
    int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; nowhere >= 0 && fd < 3; fd++)
        dup2(nowhere, fd);
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        signal(usual[i], SIG_DFL);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0});
    alarm(MOST_SECONDS);
    hb_process_note();
}

/* By the user, who stops this process with it. */
static bool was_stopped(int number)
{
    return number == SIGINT || number == SIGTERM || number == SIGHUP;
}

static void explain(struct hb_trial *row, int status)
{
    row->failed = true;
    int number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    if (number == SIGALRM)
        snprintf(row->why, sizeof row->why, "it did not come back from being loaded within %d s",
                 MOST_SECONDS);
    else if (number != 0)
        snprintf(row->why, sizeof row->why, "it crashes while it is loaded (%s)",
                 hb_signal_name(number));
    else
        snprintf(row->why, sizeof row->why, "it ends the program while it is loaded");
}

/* From number `first`. How many are behind us then, the last of them perhaps as a failed one. */
static size_t try_from(size_t first, void (*load)(void *context, size_t number), void *context,
                       struct hb_trial *rows, size_t count, atomic_size_t *reached)
{
    int status = 0;
    atomic_store(reached, first);
    pid_t child = fork();
    if (child == 0) {
        be_the_child();
        for (size_t i = first; i < count; i++) {
            load(context, i);
            atomic_store(reached, i + 1);
        }
        _exit(0);
    }
    if (child < 0)
        return count;
    /* Where SIGCHLD is ignored it waits all the same, and fails then. */
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFSIGNALED(status) && was_stopped(WTERMSIG(status)))
        return count;
    size_t at = atomic_load(reached);
    if (at < count)
        explain(&rows[at++], status);
    return at;
}

void hb_trial_run(void (*load)(void *context, size_t number), void *context, struct hb_trial *rows,
                  size_t count)
{
    atomic_size_t *reached =
        mmap(NULL, sizeof *reached, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (reached == MAP_FAILED)
        return;
    for (size_t first = 0; first < count;)
        first = try_from(first, load, context, rows, count, reached);
    munmap(reached, sizeof *reached);
}

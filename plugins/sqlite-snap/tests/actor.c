/* SPDX-License-Identifier: Apache-2.0 */
#include "actor.h"

#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { SHARED_BYTES = ACTOR_SLOTS * 8 };

void actor_start(struct actor *actor, const char *database)
{
    int to[2], from[2];
    memset(actor, 0, sizeof *actor);
    assert_int_equal(pipe2(to, O_CLOEXEC), 0);
    assert_int_equal(pipe2(from, O_CLOEXEC), 0);
    actor->pid = fork();
    if (actor->pid == 0) {
        /* A test that fails leaves nobody behind who moves money for ever. */
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(to[0], 0);
        dup2(from[1], 1);
        execl(PYTHON, PYTHON, ACTOR, database, (char *)NULL);
        _exit(127);
    }
    close(to[0]);
    close(from[1]);
    actor->to = fdopen(to[1], "w");
    actor->from = fdopen(from[0], "r");
}

const char *actor_reply(struct actor *actor)
{
    if (fgets(actor->reply, sizeof actor->reply, actor->from) == NULL)
        fail_msg("the other process is gone");
    actor->reply[strcspn(actor->reply, "\n")] = '\0';
    return actor->reply;
}

void actor_tell(struct actor *actor, const char *sql)
{
    fprintf(actor->to, "%s\n", sql);
    fflush(actor->to);
}

const char *actor_ask(struct actor *actor, const char *sql)
{
    actor_tell(actor, sql);
    return actor_reply(actor);
}

int64_t actor_count(const struct actor *actor, enum actor_slot slot)
{
    return __atomic_load_n(&actor->shared[slot], __ATOMIC_ACQUIRE);
}

int64_t actor_commits(const struct actor *actor)
{
    return actor_count(actor, ACTOR_COMMITS);
}

static void begin(struct actor *actor, const char *command, const char *counter)
{
    snprintf(actor->counter, sizeof actor->counter, "%s", counter);
    int fd = open(counter, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, SHARED_BYTES), 0);
    actor->shared = mmap(NULL, SHARED_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(actor->shared != MAP_FAILED);
    close(fd);
    char line[400];
    snprintf(line, sizeof line, "!%s %s", command, counter);
    assert_string_equal(actor_ask(actor, line), "moving");
    while (actor_commits(actor) == 0)
        sched_yield();
}

void actor_move(struct actor *actor, const char *counter)
{
    begin(actor, "move", counter);
}

void actor_watch(struct actor *actor, const char *counter)
{
    begin(actor, "watch", counter);
}

void actor_halt(struct actor *actor)
{
    __atomic_store_n(&actor->shared[ACTOR_STOP], -1, __ATOMIC_RELEASE);
    if (strcmp(actor_reply(actor), "stopped") != 0)
        fail_msg("%s", actor->reply);
    munmap((void *)(uintptr_t)actor->shared, SHARED_BYTES);
    unlink(actor->counter);
}

static void finish(struct actor *actor)
{
    fclose(actor->to);
    fclose(actor->from);
    waitpid(actor->pid, NULL, 0);
}

void actor_stop(struct actor *actor)
{
    finish(actor);
}

void actor_kill(struct actor *actor)
{
    kill(actor->pid, SIGKILL);
    finish(actor);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/child.h"

#include "base/memory.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    MOST_CHILDREN = 64, /* that a second signal can reach */
    GRACE_MS = 2000,
    LOOK_MS = 100,       /* how often it is looked whether the run is stopped */
    LAST_BYTES = 1 << 20 /* that are read when the child has ended, at most */
};

/* Process groups; what a handler can reach. */
static atomic_int groups[MOST_CHILDREN];

void hb_child_kill_all(void)
{
    for (size_t i = 0; i < MOST_CHILDREN; i++) {
        int group = atomic_load(&groups[i]);
        if (group > 0)
            kill(-group, SIGKILL);
    }
}

static void note_group(pid_t pid)
{
    for (size_t i = 0; i < MOST_CHILDREN; i++) {
        int none = 0;
        if (atomic_compare_exchange_strong(&groups[i], &none, pid))
            return;
    }
}

static void forget_group(pid_t pid)
{
    for (size_t i = 0; i < MOST_CHILDREN; i++) {
        int known = pid;
        if (atomic_compare_exchange_strong(&groups[i], &known, 0))
            return;
    }
}

struct running {
    struct hb_child *child;
    pid_t pid;
    int ended_fd; /* readable when it has ended; -1: the kernel has none */
    int input, output, errors;
    size_t fed;
    int64_t started, killed; /* milliseconds; `killed`: when SIGTERM was sent, 0: not */
    bool too_long;           /* why it was killed; else because the run is stopped */
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 + 1;
}

/* ---- its three descriptors ------------------------------------------------------------------ */

static void shut(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* SIGPIPE is ignored in this program. */
static void feed(struct running *running)
{
    const struct hb_child *child = running->child;
    while (running->fed < child->input_bytes) {
        ssize_t done = write(running->input, (const char *)child->input + running->fed,
                             child->input_bytes - running->fed);
        if (done < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (done < 0) /* it does not want it */
            break;
        running->fed += (size_t)done;
    }
    shut(&running->input);
}

/* The first bytes count: what is beyond is counted. */
static void keep_first(char *kept, size_t room, uint64_t *total, const char *data, size_t bytes)
{
    if (*total + 1 < room) {
        size_t left = room - 1 - (size_t)*total, take = bytes < left ? bytes : left;
        memcpy(kept + *total, data, take);
        kept[*total + take] = '\0';
    }
    *total += bytes;
}

/* The last bytes count: a program says at the end why it failed. */
static void keep_last(char *kept, size_t room, uint64_t *total, const char *data, size_t bytes)
{
    size_t most = room == 0 ? 0 : room - 1, used = *total < most ? (size_t)*total : most;
    size_t take = bytes < most ? bytes : most, stay = used + take > most ? most - take : used;
    *total += bytes;
    if (most == 0)
        return;
    memmove(kept, kept + used - stay, stay);
    memcpy(kept + stay, data + bytes - take, take);
    kept[stay + take] = '\0';
}

/* What is there now, `most` bytes at most. */
static void drain(struct running *running, int *fd, size_t most)
{
    struct hb_child *child = running->child;
    char data[16384];
    while (*fd >= 0 && most > 0) {
        ssize_t got = read(*fd, data, sizeof data);
        if (got < 0 && errno != EINTR && errno != EAGAIN)
            got = 0;
        if (got == 0)
            shut(fd);
        if (got <= 0)
            return;
        if (fd == &running->output)
            keep_first(child->output, child->output_room, &child->output_bytes, data, (size_t)got);
        else
            keep_last(child->errors, child->errors_room, &child->errors_bytes, data, (size_t)got);
        most -= (size_t)got < most ? (size_t)got : most;
        explicit_bzero(data, (size_t)got); /* it may be a secret */
    }
}

/* ---- the start ------------------------------------------------------------------------------ */

/* Both ends close at exec; ours does not block. 0 or an errno. */
static int make_pipe(int *ours, int *its, bool it_writes)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return errno;
    *ours = ends[it_writes ? 0 : 1];
    *its = ends[it_writes ? 1 : 0];
    return fcntl(*ours, F_SETFL, O_NONBLOCK) == 0 ? 0 : errno;
}

struct its {
    int input, output, errors; /* as it sees them */
    bool input_is_ours, output_is_ours;
};

static int make_descriptors(struct running *running, struct its *its)
{
    const struct hb_child *child = running->child;
    int error = make_pipe(&running->errors, &its->errors, true);
    its->input_is_ours = (child->flags & HB_CHILD_INPUT_FD) == 0;
    its->output_is_ours = (child->flags & HB_CHILD_OUTPUT_FD) == 0;
    if (!its->output_is_ours)
        its->output = child->output_fd;
    else if (error == 0)
        error = make_pipe(&running->output, &its->output, true);
    if (!its->input_is_ours)
        its->input = child->input_fd;
    else if (error == 0 && child->input_bytes > 0)
        error = make_pipe(&running->input, &its->input, false);
    else if (error == 0 && (its->input = open("/dev/null", O_RDONLY | O_CLOEXEC)) < 0)
        error = errno;
    return error;
}

static bool has_name(const char *const *environment, const char *row)
{
    size_t bytes = strcspn(row, "=");
    for (; environment != NULL && *environment != NULL; environment++)
        if (strncmp(*environment, row, bytes + 1) == 0)
            return true;
    return false;
}

/* Ours, with those of the child in place of what they replace. Caller frees the array alone. */
static char **environment_of(const struct hb_child *child)
{
    size_t count = 0, own = 0;
    while (environ != NULL && environ[count] != NULL)
        count++;
    while (child->environment != NULL && child->environment[own] != NULL)
        own++;
    char **made = hb_alloc((count + own + 1) * sizeof *made), **at = made;
    for (size_t i = 0; i < count; i++)
        if (!has_name(child->environment, environ[i]))
            *at++ = environ[i];
    for (size_t i = 0; i < own; i++)
        *at++ = (char *)(uintptr_t)child->environment[i];
    *at = NULL;
    return made;
}

/* A group of its own, so that the terminal's signals reach it through us alone. 0 or an errno. */
static int spawn(struct running *running, const struct its *its)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, its->input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, its->output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, its->errors, STDERR_FILENO);
#if defined __GLIBC__ && __GLIBC_PREREQ(2, 34)
    posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
#endif
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                              POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    char **environment = environment_of(running->child);
    int error = posix_spawnp(&running->pid, running->child->argv[0], &actions, &attributes,
                             (char *const *)(uintptr_t)running->child->argv, environment);
    free(environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

static int start(struct running *running)
{
    struct its its = {.input = -1, .output = -1, .errors = -1};
    int error = make_descriptors(running, &its);
    if (error == 0)
        error = spawn(running, &its);
    if (its.input_is_ours)
        shut(&its.input);
    if (its.output_is_ours)
        shut(&its.output);
    shut(&its.errors);
    if (error != 0)
        return error;
    note_group(running->pid);
    running->started = now_ms();
    running->ended_fd = (int)syscall(SYS_pidfd_open, running->pid, 0);
    if (running->ended_fd >= 0)
        fcntl(running->ended_fd, F_SETFD, FD_CLOEXEC);
    return 0;
}

/* ---- the wait ------------------------------------------------------------------------------- */

/* Without a descriptor for that it is looked more often. */
static void wait_a_while(struct running *running)
{
    struct pollfd fds[4] = {{.fd = running->input, .events = POLLOUT},
                            {.fd = running->output, .events = POLLIN},
                            {.fd = running->errors, .events = POLLIN},
                            {.fd = running->ended_fd, .events = POLLIN}};
    if (poll(fds, 4, running->ended_fd < 0 ? LOOK_MS / 10 : LOOK_MS) <= 0)
        return;
    if (fds[0].revents != 0)
        feed(running);
    if (fds[1].revents != 0)
        drain(running, &running->output, LAST_BYTES);
    if (fds[2].revents != 0)
        drain(running, &running->errors, LAST_BYTES);
}

static void end_it_if_due(struct running *running, bool (*stopped)(void *context), void *context)
{
    const struct hb_child *child = running->child;
    int64_t now = now_ms();
    bool late = child->timeout_ms != 0 && now > running->started &&
                (uint64_t)(now - running->started) > child->timeout_ms;
    if (running->killed == 0 && (late || stopped(context))) {
        running->killed = now;
        running->too_long = late;
        kill(-running->pid, SIGTERM);
        kill(-running->pid, SIGCONT); /* one that is stopped does not hear of it */
    } else if (running->killed != 0 && now - running->killed > GRACE_MS) {
        kill(-running->pid, SIGKILL);
    }
}

/* Its number is kept until the rest of its group has been killed. False: it is not known. */
static bool reap(struct running *running, int *status)
{
    siginfo_t info = {0};
    int result;
    while ((result = waitid(P_PID, (id_t)running->pid, &info, WEXITED | WNOHANG | WNOWAIT)) != 0 &&
           errno == EINTR)
        continue;
    if (result == 0 && info.si_pid == 0)
        return false;
    if (running->killed != 0)
        kill(-running->pid, SIGKILL);
    forget_group(running->pid);
    *status = -1;
    while (waitpid(running->pid, status, 0) < 0 && errno == EINTR)
        continue;
    return true;
}

static int tell(const struct running *running, int status, struct hb_error *error)
{
    struct hb_child *child = running->child;
    if (running->killed != 0)
        return hb_error_set(error, running->too_long ? HB_STATUS_ENTRY : HB_STATUS_CANCELLED,
                            running->too_long ? "%s: took too long, and was stopped"
                                              : "%s: was stopped",
                            child->argv[0]);
    if (status == -1)
        return hb_error_set(error, HB_STATUS_ENTRY, "%s: nobody knows how it ended",
                            child->argv[0]);
    child->exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    child->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    return HB_OK;
}

int hb_child_run(struct hb_child *child, bool (*stopped)(void *context), void *context,
                 struct hb_error *error)
{
    struct running running = {
        .child = child, .ended_fd = -1, .input = -1, .output = -1, .errors = -1};
    child->output_bytes = child->errors_bytes = 0;
    child->exit_status = -1;
    child->signal = 0;
    if (child->output_room > 0)
        *child->output = '\0';
    if (child->errors_room > 0)
        *child->errors = '\0';
    int status = -1, failed = start(&running);
    if (failed == 0) {
        while (!reap(&running, &status)) {
            wait_a_while(&running);
            end_it_if_due(&running, stopped, context);
        }
        drain(&running, &running.output, LAST_BYTES);
        drain(&running, &running.errors, LAST_BYTES);
    }
    shut(&running.input);
    shut(&running.output);
    shut(&running.errors);
    shut(&running.ended_fd);
    if (failed != 0)
        return hb_error_set(error, HB_STATUS_ENTRY, "%s: cannot be started: %s", child->argv[0],
                            strerror(failed));
    return tell(&running, status, error);
}

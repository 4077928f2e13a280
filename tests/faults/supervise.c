/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seccomp's user notification (seccomp_unotify(2)): a filter that the command, its threads and its
 * children inherit has the kernel hold each watched call, and tells us. One thread answers, so all
 * calls stand in one order. A call that goes on is run by the kernel with what the arguments are
 * then; that is no protection against the command, and need not be.
 */
#include "supervise.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <poll.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { AFTER_THE_END = 5 /* seconds that children of a command that has ended are served */ };

/* Of Linux 6.6; the headers may be older. */
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS      _IOW('!', 4, uint64_t)
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP 1UL
#endif

struct supervisor {
    struct fault_plan *plan;
    pid_t child;
    int child_fd, listener;
    struct seccomp_notif *request;
    struct seccomp_notif_resp *response;
};

/* ---- the command's side -------------------------------------------------------------------- */

/* An open that is watched for what it creates alone: the kernel need not ask about the others,
 * which are most. Each rule is one bit of its flags. */
static int watch_creating(scmp_filter_ctx context, int number, unsigned flags)
{
    static const uint64_t bits[] = {O_CREAT, O_TRUNC, O_TMPFILE & ~O_DIRECTORY};
    int result = 0;
    for (size_t i = 0; result == 0 && i < sizeof bits / sizeof bits[0]; i++)
        result = seccomp_rule_add(context, SCMP_ACT_NOTIFY, number, 1,
                                  SCMP_CMP(flags, SCMP_CMP_MASKED_EQ, bits[i], bits[i]));
    return result;
}

static int watch(scmp_filter_ctx context, const struct fault_selection *selection, size_t call)
{
    int number = selection->calls[call].number, flags = fault_flags_of(call);
    if (number < 0 || !(selection->calls[call].any || selection->calls[call].class))
        return 0;
    return selection->calls[call].any || flags < 0
               ? seccomp_rule_add(context, SCMP_ACT_NOTIFY, number, 0)
               : watch_creating(context, number, (unsigned)flags);
}

/* Returns the listener, or -1 (said). */
static int install_filter(const struct fault_selection *selection)
{
    scmp_filter_ctx context = seccomp_init(SCMP_ACT_ALLOW);
    int result = context == NULL ? -ENOMEM : 0;
    for (size_t i = 0; result == 0 && i < FAULT_CALLS; i++)
        result = watch(context, selection, i);
    if (result == 0)
        result = seccomp_load(context);
    int listener = result == 0 ? seccomp_notify_fd(context) : -1;
    if (listener < 0)
        fprintf(stderr, "hb-fault: no seccomp notification here: %s\n",
                strerror(result < 0 ? -result : EINVAL));
    return listener;
}

static bool send_descriptor(int socket, int fd)
{
    char byte = 0;
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.bytes = {0}};
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control.bytes};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    return sendmsg(socket, &message, 0) == 1;
}

static int receive_descriptor(int socket)
{
    char byte;
    int fd = -1;
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.bytes = {0}};
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control.bytes};
    if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1)
        return -1;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header != NULL && header->cmsg_type == SCM_RIGHTS)
        memcpy(&fd, CMSG_DATA(header), sizeof fd);
    return fd;
}

/* Between the filter and the program only calls that nobody can choose. */
static _Noreturn void become_command(const struct fault_selection *selection, int socket,
                                     char **command)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setpgid(0, 0); /* so that it can be ended with its children */
    int listener = install_filter(selection);
    if (listener < 0 || !send_descriptor(socket, listener))
        _exit(FAULT_UNAVAILABLE);
    execvp(command[0], command);
    _exit(127);
}

static int start(struct supervisor *supervisor, char **command)
{
    int sockets[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0)
        return FAULT_BROKEN;
    supervisor->child = fork();
    if (supervisor->child == 0)
        become_command(&supervisor->plan->selection, sockets[1], command);
    close(sockets[1]);
    supervisor->listener = supervisor->child < 0 ? -1 : receive_descriptor(sockets[0]);
    close(sockets[0]);
    if (supervisor->child < 0)
        return FAULT_BROKEN;
    if (supervisor->listener < 0) {
        waitpid(supervisor->child, NULL, 0);
        return FAULT_UNAVAILABLE;
    }
    /* Caller and answer take turns on one processor: that is a third of the time. An older kernel
     * refuses. */
    (void)ioctl(supervisor->listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS,
                SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
    supervisor->child_fd = pidfd_open(supervisor->child, 0);
    if (supervisor->child_fd < 0 ||
        seccomp_notify_alloc(&supervisor->request, &supervisor->response) != 0)
        return FAULT_BROKEN;
    return 0;
}

/* ---- one call ------------------------------------------------------------------------------ */

static void log_call(const struct fault_plan *plan, const char *what, const char *name,
                     char files[FAULT_FILES][PATH_MAX])
{
    if (plan->log == NULL)
        return;
    fprintf(plan->log, "%s\t%llu\t%s", what, (unsigned long long)plan->count, name);
    for (size_t i = 0; i < FAULT_FILES; i++) {
        for (char *at = files[i]; *at != '\0'; at++)
            if ((unsigned char)*at < ' ')
                *at = '?';
        fprintf(plan->log, "\t%s", files[i]);
    }
    fputc('\n', plan->log);
    fflush(plan->log);
}

/* Is it asked which files a call is about? That costs more than the rest. */
static bool by_files(const struct fault_plan *plan)
{
    return plan->path != NULL || plan->list || plan->count + 1 == plan->at;
}

static bool on_path(const struct fault_plan *plan, char files[FAULT_FILES][PATH_MAX])
{
    if (plan->path == NULL)
        return true;
    for (size_t i = 0; i < FAULT_FILES; i++)
        if (files[i][0] != '\0' && fnmatch(plan->path, files[i], 0) == 0)
            return true;
    return false;
}

/* Which process the thread is one of. */
static int process_of(pid_t thread)
{
    char path[64], line[256];
    int process = thread;
    snprintf(path, sizeof path, "/proc/%d/status", (int)thread);
    FILE *status = fopen(path, "re");
    while (status != NULL && fgets(line, sizeof line, status) != NULL)
        if (strncmp(line, "Tgid:", 5) == 0)
            process = (int)strtol(line + 5, NULL, 10);
    if (status != NULL)
        fclose(status);
    return process;
}

/* kill(2) takes the process; the call came from one of its threads. */
static void kill_process(pid_t thread)
{
    kill(process_of(thread), SIGKILL);
}

/* Does a thread of the process still run, in a call that it was let go on with, say? */
static bool some_run(int process)
{
    char path[64];
    bool found = false;
    snprintf(path, sizeof path, "/proc/%d/task", process);
    DIR *tasks = opendir(path);
    for (struct dirent *task; tasks != NULL && !found && (task = readdir(tasks)) != NULL;) {
        char name[400], text[512] = "";
        snprintf(name, sizeof name, "%s/%s/stat", path, task->d_name);
        FILE *status = task->d_name[0] == '.' ? NULL : fopen(name, "re");
        if (status == NULL)
            continue;
        const char *state = fgets(text, sizeof text, status) == NULL ? NULL : strrchr(text, ')');
        found = state != NULL && state[2] == 'R';
        fclose(status);
    }
    if (tasks != NULL)
        closedir(tasks);
    return found;
}

/* A command sees what all calls before have done; a thread that only computes is not waited for. */
static void wait_for_others(pid_t thread)
{
    enum { LONGEST_MS = 1000 };
    const struct timespec nap = {.tv_nsec = 1000000};
    int process = process_of(thread);
    for (int i = 0; i < LONGEST_MS && some_run(process); i++)
        nanosleep(&nap, NULL);
}

static void run_command(const struct fault_plan *plan, pid_t thread)
{
    char text[24];
    wait_for_others(thread);
    snprintf(text, sizeof text, "%d", (int)thread);
    setenv("HB_FAULT_THREAD", text, 1);
    int status = system(plan->command);
    if (status != 0)
        fprintf(stderr, "hb-fault: %s: status %d\n", plan->command, status);
}

/* What becomes of the call? True: it is answered with `error`, or let go on if that is 0. */
static bool decide(struct supervisor *supervisor, const struct fault_made *made, int *error)
{
    struct fault_plan *plan = supervisor->plan;
    char files[FAULT_FILES][PATH_MAX];
    files[0][0] = files[1][0] = '\0';
    *error = 0;
    const char *name = fault_counts(&plan->selection, made);
    if (name == NULL)
        return true;
    if (by_files(plan))
        fault_files_of(&plan->selection, made, files);
    /* Was it still the caller that we looked at? */
    if (seccomp_notify_id_valid(supervisor->listener, supervisor->request->id) != 0)
        return false;
    if (!on_path(plan, files))
        return true;
    plan->count++;
    if (plan->list)
        log_call(plan, "call", name, files);
    if (plan->at == 0 || plan->count < plan->at || (plan->count > plan->at && !plan->and_after))
        return true;
    if (plan->hits++ == 0)
        log_call(plan, "hit", name, files);
    if (plan->action == FAULT_KILL) {
        kill_process(made->thread);
        return false; /* the call dies with its caller */
    }
    if (plan->action == FAULT_RUN)
        run_command(plan, made->thread);
    else if (plan->action == FAULT_ERROR)
        *error = plan->error;
    return true;
}

static void serve_call(struct supervisor *supervisor)
{
    struct seccomp_notif *request = supervisor->request;
    struct seccomp_notif_resp *response = supervisor->response;
    int error;
    memset(request, 0, sizeof *request);
    if (seccomp_notify_receive(supervisor->listener, request) != 0)
        return; /* the caller is gone */
    uint64_t arguments[6];
    for (size_t i = 0; i < 6; i++)
        arguments[i] = request->data.args[i];
    struct fault_made made = {(pid_t)request->pid, request->data.nr, arguments};
    if (!decide(supervisor, &made, &error))
        return;
    memset(response, 0, sizeof *response);
    response->id = request->id;
    response->error = -error;
    response->flags = error == 0 ? SECCOMP_USER_NOTIF_FLAG_CONTINUE : 0;
    (void)seccomp_notify_respond(supervisor->listener, response); /* the caller may be gone */
}

/* ---- all calls ----------------------------------------------------------------------------- */

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Until the command has ended and nobody is left under the filter. */
static bool serve(struct supervisor *supervisor)
{
    int64_t end = now_ms() + (int64_t)supervisor->plan->timeout * 1000;
    struct pollfd waits[2] = {{.fd = supervisor->listener, .events = POLLIN},
                              {.fd = supervisor->child_fd, .events = POLLIN}};
    bool ended = false;
    for (;;) {
        int64_t left = end - now_ms();
        if (left <= 0)
            return ended;
        if (poll(waits, 2, (int)left) < 0 && errno != EINTR)
            return false;
        if (waits[0].revents & POLLIN)
            serve_call(supervisor);
        else if (waits[0].revents & (POLLHUP | POLLERR))
            waits[0].fd = -1; /* poll passes over it */
        if (waits[1].revents & POLLIN) {
            ended = true;
            waits[1].fd = -1;
            waits[1].revents = 0;
            end = now_ms() + AFTER_THE_END * 1000;
        }
        if (ended && waits[0].fd < 0)
            return true;
    }
}

int fault_supervise(struct fault_plan *plan, char **command)
{
    struct supervisor supervisor = {.plan = plan, .child_fd = -1, .listener = -1};
    int status, code = start(&supervisor, command);
    if (code == 0) {
        bool ended = serve(&supervisor);
        if (!ended) {
            fprintf(stderr, "hb-fault: the command did not end within %u s\n", plan->timeout);
            kill(-supervisor.child, SIGKILL);
        }
        while (waitpid(supervisor.child, &status, 0) < 0 && errno == EINTR)
            ;
        code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
        if (!ended)
            code = FAULT_TIMEOUT;
    } else if (code == FAULT_BROKEN) {
        fprintf(stderr, "hb-fault: cannot start: %s\n", strerror(errno));
    }
    seccomp_notify_free(supervisor.request, supervisor.response);
    if (supervisor.listener >= 0)
        close(supervisor.listener);
    if (supervisor.child_fd >= 0)
        close(supervisor.child_fd);
    return code;
}

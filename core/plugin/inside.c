/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plugin shares the process, so it can end it. What it leaves behind then is what kill -9 would
 * leave, and the next run takes care of that; but the person at the terminal has to know whose
 * fault it was, and a script must not take it for success:
 *
 *   a crash           SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT: a line, and then what would have
 *                     happened without us: exit status and core dump are those of the signal
 *   exit(), _exit()   whatever the argument, and quick_exit(): a line, exit 1, on whatever thread
 *   daemon()          the same: it would end this process, and go on in another
 *   pthread_exit()    of a thread of ours, which somebody waits for: the same
 *   fork()            a child that comes back from the callback ends there; the parent goes on
 *
 * For _exit() the program has a function of that name, which a plugin finds before that of the C
 * library. The system call itself, and kill -9, leave no trace that could be seen from within.
 *
 * A crash also says that the process is not as it was, so that what is about to be published is
 * not. The handler of the signals makes only calls that are safe there (signal-safety(7)), on a
 * stack of its own, so that it works when the thread's is full. It puts back the action that was
 * there before us, and comes back: the instruction fails again, and then that action is taken.
 */
#include "plugin/inside.h"

#include "base/interrupt.h"
#include "plugin/process_state.h"
#include <dlfcn.h>
#include <errno.h>
#include <hbcore/abi.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { STACK_BYTES = 32 << 10, EXIT_FAILED = 1 };

_Thread_local struct hb_inside hb_inside;
bool hb_inside_child;

/* A thread's memory goes with it; nobody has to free this. */
static _Thread_local char stack[STACK_BYTES] __attribute__((aligned(16)));

static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
enum { CRASHES = sizeof crashes / sizeof *crashes };

static struct sigaction before[CRASHES]; /* written once, before there are threads */
static pthread_key_t thread_end;
static bool installed;
static atomic_bool done;
static atomic_uint threads;
static pid_t owner; /* which process this is: a child is not */

/* ---- what is said -------------------------------------------------------------------------- */

struct line {
    char text[1024];
    size_t bytes;
};

static void put(struct line *line, const char *text)
{
    size_t bytes = strlen(text), room = sizeof line->text - line->bytes;
    bytes = bytes < room ? bytes : room;
    memcpy(line->text + line->bytes, text, bytes);
    line->bytes += bytes;
}

/* A file may be called anything. */
static void put_name(struct line *line, const char *name)
{
    size_t from = line->bytes;
    put(line, name);
    for (; from < line->bytes; from++)
        if ((unsigned char)line->text[from] < 0x20 || line->text[from] == 0x7f)
            line->text[from] = '?';
}

/* "plugin x: has crashed by SIGSEGV in its walk()". */
static void tell(const char *did, const char *how)
{
    struct line line = {.bytes = 0};
    if (isatty(STDERR_FILENO)) /* in place of a bar that may be there */
        put(&line, "\r\033[K");
    put(&line, "hbcore: ");
    if (hb_inside.plugin != NULL) {
        put(&line, "plugin ");
        put_name(&line, hb_inside.plugin);
        put(&line, ": ");
    }
    put(&line, did);
    put(&line, how);
    if (hb_inside.plugin != NULL) {
        put(&line, " in its ");
        put(&line, hb_inside.callback);
        put(&line, "()");
    } else {
        put(&line, " outside of any callback of a plugin");
    }
    put(&line, hb_inside.plugin != NULL
                   ? "\n  this is a defect of the plugin: install another release of it, or remove "
                     "it from the configuration\n"
                   : "\n  please report this, with what `hbcore plugins list` says\n");
    if (write(STDERR_FILENO, line.text, line.bytes) == (ssize_t)line.bytes)
        hb_interrupt_say_last_words();
}

const char *hb_signal_name(int number)
{
    return number == SIGSEGV   ? "SIGSEGV"
           : number == SIGBUS  ? "SIGBUS"
           : number == SIGFPE  ? "SIGFPE"
           : number == SIGILL  ? "SIGILL"
           : number == SIGABRT ? "SIGABRT"
           : number == SIGKILL ? "SIGKILL"
                               : "a signal";
}

/* ---- the ends ------------------------------------------------------------------------------ */

static void on_crash(int number, siginfo_t *info, void *context)
{
    (void)context;
    for (size_t i = 0; i < CRASHES; i++)
        sigaction(crashes[i], &before[i], NULL);
    hb_process_disturb(); /* what comes next may take its time, and other threads would publish */
    if (!hb_inside_child)
        tell("has crashed by ", hb_signal_name(number));
    if (info->si_code <= 0) /* nothing fails again that somebody has only sent */
        raise(number);
}

static void on_exit_called(void)
{
    if (atomic_load(&done) || getpid() != owner)
        return;
    tell("has called exit()", "");
    _exit(EXIT_FAILED);
}

/* Where the code of this program begins and ends: the linker places them. */
extern const char __executable_start[], etext[];

_Noreturn static void end_at_once(int status, const void *caller, const char *name)
{
    bool own = (const char *)caller >= __executable_start && (const char *)caller < etext;
    if (installed && !own && !atomic_load(&done) && getpid() == owner) {
        tell("has called ", name);
        status = EXIT_FAILED;
    }
    for (;;)
        syscall(SYS_exit_group, status);
}

HB_EXPORT void _exit(int status)
{
    end_at_once(status, __builtin_return_address(0), "_exit()");
}

HB_EXPORT void _Exit(int status)
{
    end_at_once(status, __builtin_return_address(0), "_Exit()");
}

/*
 * The C library's own ends the parent where no other function sees it, with status 0, and a child
 * would go on with the run. It is the child of nobody that the program has anything to do with.
 */
HB_EXPORT int daemon(int no_chdir, int no_close)
{
    (void)no_chdir;
    (void)no_close;
    if (installed && !atomic_load(&done) && getpid() == owner) {
        tell("has called daemon()", "");
        _exit(EXIT_FAILED);
    }
    errno = ENOSYS;
    return -1;
}

unsigned hb_inside_threads(void)
{
    return atomic_load(&threads);
}

static void look_at_end(void)
{
    if (hb_inside.plugin == NULL || hb_inside_child)
        return;
    tell("has ended a thread that is not its own", "");
    _exit(EXIT_FAILED);
}

static void on_thread_end(void *value)
{
    (void)value;
    look_at_end();
    atomic_fetch_sub(&threads, 1);
}

/* Here nothing is unwound yet: other threads may still look at what lies on this stack. */
HB_EXPORT _Noreturn void pthread_exit(void *value)
{
    look_at_end();
    void (*next)(void *) = (void (*)(void *))dlsym(RTLD_NEXT, "pthread_exit");
    next(value);
    for (;;)
        abort();
}

static void in_child(void)
{
    hb_inside_child = hb_inside.plugin != NULL;
}

void hb_inside_end_child(void)
{
    tell("has made a process by fork() that came back", "");
    _exit(EXIT_FAILED);
}

/* ---- preparations -------------------------------------------------------------------------- */

void hb_inside_prepare(void)
{
    stack_t none;
    hb_inside.ready = true;
    if (!installed)
        return;
    if (pthread_setspecific(thread_end, stack) == 0)
        atomic_fetch_add(&threads, 1);
    /* A sanitizer has one already. */
    if (sigaltstack(NULL, &none) == 0 && (none.ss_flags & SS_DISABLE) != 0)
        sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL);
}

void hb_inside_install(void)
{
    struct sigaction action = {.sa_sigaction = on_crash, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    owner = getpid();
    installed = true;
    pthread_key_create(&thread_end, on_thread_end);
    pthread_atfork(NULL, NULL, in_child);
    for (size_t i = 0; i < CRASHES; i++)
        sigaction(crashes[i], &action, &before[i]);
    atexit(on_exit_called);
    (void)at_quick_exit(on_exit_called);
}

void hb_inside_loaded(void)
{
    if (!installed)
        return;
    atexit(on_exit_called); /* those that come last are called first */
    (void)at_quick_exit(on_exit_called);
}

void hb_inside_done(void)
{
    atomic_store(&done, true);
}

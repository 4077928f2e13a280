/* SPDX-License-Identifier: Apache-2.0 */
#include "base/terminal.h"

#include "base/interrupt.h"
#include "base/memory.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <termios.h>

static void say(int fd, const char *text)
{
    (void)!write(fd, text, strlen(text));
}

/* One byte, 0 at the end, or -errno. */
static int read_byte(int fd, char *byte)
{
    for (;;) {
        if (!hb_interrupt_wait_input(fd))
            return -EINTR;
        ssize_t got = read(fd, byte, 1);
        if (got >= 0)
            return (int)got;
        if (errno != EINTR && errno != EAGAIN)
            return -errno;
    }
}

static int64_t read_line(int fd, char *text, size_t bytes)
{
    size_t length = 0;
    int got;
    char byte;
    while ((got = read_byte(fd, &byte)) > 0 && byte != '\n' && byte != '\r') {
        if (length < bytes)
            text[length] = byte;
        length++;
    }
    explicit_bzero(&byte, sizeof byte);
    return got < 0 ? got : got == 0 && length == 0 ? -ENODATA : (int64_t)length;
}

int64_t hb_terminal_ask(const char *prompt, char *text, size_t bytes)
{
    struct termios before, silent;
    HB_AUTO_CLOSE int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? -ENXIO : -errno;
    if (tcgetattr(fd, &before) != 0)
        return -errno;
    silent = before;
    silent.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
    silent.c_lflag |= ICANON;
    if (tcsetattr(fd, TCSAFLUSH, &silent) != 0)
        return -errno;
    say(fd, prompt);
    int64_t got = read_line(fd, text, bytes);
    say(fd, "\n");
    tcsetattr(fd, TCSAFLUSH, &before);
    return got;
}

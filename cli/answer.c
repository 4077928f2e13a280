/* SPDX-License-Identifier: Apache-2.0 */
#include "answer.h"

#include "base/interrupt.h"
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* One byte of standard input; -1 at the end of it, or on a signal. */
static int read_byte(void)
{
    unsigned char byte;
    ssize_t got = -1;
    while (got < 0 && hb_interrupt_wait_input(STDIN_FILENO)) {
        got = read(STDIN_FILENO, &byte, 1);
        if (got < 0 && errno != EINTR && errno != EAGAIN)
            return -1;
    }
    return got == 1 ? byte : -1;
}

/*
 * One line from standard input and no more of it, trimmed; -1 at the end of input or on a signal.
 * An answer that is too long is not an answer.
 */
static int read_answer(char *answer, size_t bytes)
{
    size_t length = 0;
    int byte = read_byte();
    if (byte < 0)
        return -1;
    for (; byte >= 0 && byte != '\n'; byte = read_byte()) {
        bool leading = length == 0 && isspace(byte);
        if (!leading && length < bytes - 1)
            answer[length++] = (char)byte;
    }
    if (hb_interrupt_signal() != 0)
        return -1;
    while (length > 0 && isspace((unsigned char)answer[length - 1]))
        length--;
    answer[length] = '\0';
    return 0;
}

int hb_answer(FILE *out, const char *option, const char *question, const char *what,
              struct hb_error *error)
{
    char answer[64];
    fprintf(out, "\nContinue? [y/N] ");
    if ((fflush(out) != 0 || ferror(out)) &&
        hb_interrupt_signal() == 0) { /* what nobody has read nobody has answered */
        hb_error_set(error, HB_STATUS_FATAL, "%s cannot be written; nothing was changed", question);
        hb_error_hint(error, "use %s to %s", option, what);
        return HB_STATUS_FATAL;
    }
    if (read_answer(answer, sizeof answer) != 0) {
        fputc('\n', out);
        if (hb_interrupt_signal() != 0)
            return hb_error_set(error, HB_STATUS_CANCELLED, "interrupted; nothing was changed");
        hb_error_set(error, HB_STATUS_FATAL, "no answer; nothing was changed");
        hb_error_hint(error, "use %s to %s", option, what);
        return HB_STATUS_FATAL;
    }
    if (strcasecmp(answer, "y") == 0 || strcasecmp(answer, "yes") == 0)
        return HB_OK;
    return HB_STATUS_NOMATCH;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collects what SQLite says about a staged copy, and tells damage from what is missing or failed.
 */
#include "checking.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { STEPS = 1000 /* of SQLite's machine, between two looks at the host */ };

bool is_damage(int result)
{
    int primary = result & 0xff;
    return primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB ||
           result == SQLITE_IOERR_SHORT_READ;
}

bool is_lack(int result, const char *message)
{
    static const char *const words[] = {"no such module",    "no such tokenizer",
                                        "unknown tokenizer", "unknown function",
                                        "no such function",  "no such collation sequence",
                                        "unsafe use of",     "error in tokenizer constructor"};
    if ((result & 0xff) != SQLITE_ERROR)
        return false;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strstr(message, words[i]) != NULL)
            return true;
    return false;
}

static int rank(uint32_t soundness)
{
    return soundness == HB_SOUNDNESS_SOUND         ? 0
           : soundness == HB_SOUNDNESS_NOT_CHECKED ? 1
           : soundness == HB_SOUNDNESS_UNSOUND     ? 2
                                                   : 3;
}

void checking_add(struct checking *checking, uint32_t soundness, const char *format, ...)
{
    struct verdict *verdict = checking->verdict;
    if (rank(soundness) <= rank(verdict->soundness))
        return;
    verdict->soundness = soundness;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(verdict->reason, sizeof verdict->reason, format, arguments);
    va_end(arguments);
    /* SQLite puts a heading and line ends in some of its findings. */
    for (char *at = verdict->reason; *at != '\0'; at++)
        if (*at == '\n')
            *at = ' ';
}

/* "unable to open database file" alone does not say that there were no descriptors left. */
static const char *system_words(const struct connection *connection, int result)
{
    int primary = result & 0xff;
    int reason = connection->db == NULL ? 0 : sqlite3_system_errno(connection->db);
    if (reason == 0 || (primary != SQLITE_CANTOPEN && primary != SQLITE_IOERR))
        return NULL;
    return strerror(reason);
}

bool checking_add_result(struct checking *checking, const char *what, int result)
{
    const struct connection *connection = &checking->connection;
    const char *message = connection_message(connection, result);
    const char *colon = *what == '\0' ? "" : ": ";
    if (result == SQLITE_INTERRUPT || checking->stopped)
        return false;
    if (is_damage(result)) {
        checking_add(checking, HB_SOUNDNESS_UNSOUND, "%s%s%s", what, colon, message);
        return true;
    }
    if (is_lack(result, message)) {
        checking->lacks++;
        checking_add(checking, HB_SOUNDNESS_NOT_CHECKED, "%s%s%s", what, colon, message);
        return true;
    }
    const char *why = checking->staged->refusal[0] != '\0' ? checking->staged->refusal
                                                           : system_words(connection, result);
    checking_add(checking, HB_SOUNDNESS_UNKNOWN, "%s%s%s%s%s%s", what, colon, message,
                 why == NULL ? "" : " (", why == NULL ? "" : why, why == NULL ? "" : ")");
    return false;
}

/* ---- stopping, progress ---------------------------------------------------------- */

static bool shall_stop(struct checking *checking)
{
    const struct hb_host *host = checking->snap->host;
    checking->stopped = checking->stopped || host->cancelled(host);
    return checking->stopped;
}

static int on_progress(void *self)
{
    return shall_stop(self);
}

/*
 * SQLite goes through all pages in one step of its machine: there, only its reads give a chance to
 * report progress and to stop.
 */
static void has_read(struct bulk_watch *watch, int bytes)
{
    enum { TOLD_EVERY = 1 << 20 };
    struct checking *checking = (struct checking *)watch;
    const struct hb_host *host = checking->snap->host;
    uint64_t before = checking->read / TOLD_EVERY;
    checking->read += (uint64_t)bytes;
    if (checking->tells && checking->read / TOLD_EVERY != before &&
        checking->read < checking->total)
        host->progress(host, checking->entry, checking->read, checking->total);
    if (shall_stop(checking))
        sqlite3_interrupt(checking->connection.db);
}

/* ---- the connection -------------------------------------------------------------- */

int checking_open(struct checking *checking, int flags, const char *query)
{
    struct connection *connection = &checking->connection;
    checking->watch = (struct bulk_watch){.has_read = has_read};
    int result = connection_open(connection, checking->staged, flags, query, &checking->patience);
    if (result != SQLITE_OK)
        return result;
    sqlite3_progress_handler(connection->db, STEPS, on_progress, checking);
    connection_run(connection, "PRAGMA cell_size_check = ON", NULL);
    return bulk_set_watch(connection->db, &checking->watch);
}

void checking_close(struct checking *checking)
{
    connection_close(&checking->connection);
    if (checking->watch.failure != SQLITE_OK && !checking->stopped)
        checking_add(checking, HB_SOUNDNESS_UNKNOWN, "the %s cannot be read: %s",
                     checking->view == NULL ? "staged copy" : "database",
                     sqlite3_errstr(checking->watch.failure));
}

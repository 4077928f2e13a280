/* SPDX-License-Identifier: Apache-2.0 */
#include "crowd.h"

#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static unsigned below(unsigned *seed, unsigned limit)
{
    return (unsigned)rand_r(seed) % limit;
}

static void nap_ms(unsigned milliseconds)
{
    const struct timespec nap = {.tv_nsec = (long)milliseconds * 1000000};
    nanosleep(&nap, NULL);
}

static sqlite3 *open_one(const char *path, unsigned *seed)
{
    static const int checkpoints[] = {0, 20, 100, 1000};
    char sql[200];
    sqlite3 *db = NULL;
    if (sqlite3_open(path, &db) != SQLITE_OK)
        _exit(3);
    sqlite3_busy_timeout(db, 1 + (int)below(seed, 300));
    snprintf(sql, sizeof sql,
             "PRAGMA synchronous = OFF; PRAGMA cache_size = %d; PRAGMA wal_autocheckpoint = %d",
             below(seed, 3) == 0 ? 10 : 500, checkpoints[below(seed, 4)]);
    sqlite3_exec(db, sql, NULL, NULL, NULL);
    return db;
}

/* ---- what a writer does ------------------------------------------------------------ */

static void run(sqlite3 *db, const char *sql)
{
    (void)sqlite3_exec(db, sql, NULL, NULL, NULL);
}

static void transfer(sqlite3 *db, unsigned *seed)
{
    char sql[300];
    int amount = (int)below(seed, 100);
    snprintf(sql, sizeof sql,
             "BEGIN IMMEDIATE; UPDATE account SET money = money - %d WHERE id = %u;"
             "UPDATE account SET money = money + %d WHERE id = %u;",
             amount, below(seed, 100) + 1, amount, below(seed, 100) + 1);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK)
        run(db, "COMMIT");
    if (!sqlite3_get_autocommit(db))
        run(db, "ROLLBACK");
}

/* More than the cache holds, some of it taken back: what leaves frames without sums. */
static void spill(sqlite3 *db, unsigned *seed)
{
    char sql[500];
    snprintf(sql, sizeof sql,
             "BEGIN IMMEDIATE; SAVEPOINT a;"
             "INSERT INTO blob(data) SELECT randomblob(%u) FROM account LIMIT 40;"
             "UPDATE account SET pad = randomblob(900); SAVEPOINT b;"
             "UPDATE account SET pad = randomblob(950), money = 0;"
             "ROLLBACK TO %s; DELETE FROM blob WHERE id %% 3 = %u;",
             200 + below(seed, 2000), below(seed, 2) ? "b" : "a", below(seed, 3));
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK)
        run(db, below(seed, 5) ? "COMMIT" : "ROLLBACK");
    if (!sqlite3_get_autocommit(db))
        run(db, "ROLLBACK");
}

static void write_words(sqlite3 *db, unsigned *seed)
{
    char sql[300];
    snprintf(
        sql, sizeof sql,
        "INSERT INTO words(body) VALUES('alpha%u beta%u gamma%u');"
        "DELETE FROM words WHERE rowid %% 17 = %u AND rowid < (SELECT max(rowid) - 60 FROM words)",
        below(seed, 50), below(seed, 500), below(seed, 5000), below(seed, 17));
    run(db, sql);
}

static void write_one(sqlite3 **db, const char *path, unsigned *seed)
{
    switch (below(seed, 24)) {
    case 0:
        run(*db, "VACUUM");
        break;
    case 1:
        run(*db, "PRAGMA incremental_vacuum(20)");
        break;
    case 2:
        sqlite3_close(*db);
        *db = open_one(path, seed);
        break;
    case 3:
        run(*db, "DELETE FROM blob WHERE id < (SELECT max(id) - 80 FROM blob)");
        break;
    case 4:
    case 5:
    case 6:
        spill(*db, seed);
        break;
    case 7:
    case 8:
    case 9:
    case 10:
    case 11:
        write_words(*db, seed);
        break;
    default:
        transfer(*db, seed);
    }
}

static void work_as_writer(const char *path, unsigned seed)
{
    sqlite3 *db = open_one(path, &seed);
    for (;;) {
        write_one(&db, path, &seed);
        if (below(&seed, 4) == 0)
            nap_ms(below(&seed, 4));
    }
}

static void work_as_checkpointer(const char *path, unsigned seed)
{
    sqlite3 *db = open_one(path, &seed);
    for (;;) {
        sqlite3_busy_timeout(db, (int)below(&seed, 20));
        sqlite3_wal_checkpoint_v2(db, NULL, (int)below(&seed, 4), NULL, NULL);
        nap_ms(below(&seed, 15));
    }
}

static void work_as_reader(const char *path, unsigned seed)
{
    sqlite3 *db = open_one(path, &seed);
    for (;;) {
        run(db, "BEGIN; SELECT count(*) FROM account");
        nap_ms(below(&seed, 60));
        run(db, "COMMIT");
        nap_ms(below(&seed, 5));
    }
}

bool crowd_is_member(int argc, char **argv)
{
    if (argc != 4 || strncmp(argv[1], "crowd-", 6) != 0)
        return false;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == 1) /* it died before that */
        return true;
    unsigned seed = (unsigned)strtoul(argv[3], NULL, 10);
    if (strcmp(argv[1], "crowd-writer") == 0)
        work_as_writer(argv[2], seed);
    else if (strcmp(argv[1], "crowd-reader") == 0)
        work_as_reader(argv[2], seed);
    else
        work_as_checkpointer(argv[2], seed);
    return true;
}

/* ---- the crowd --------------------------------------------------------------------- */

void crowd_make_database(const char *path, int page_bytes, int auto_vacuum)
{
    sqlite3 *db;
    char sql[1200], *error = NULL;
    snprintf(sql, sizeof sql,
             "PRAGMA page_size = %d; PRAGMA auto_vacuum = %d; PRAGMA journal_mode = WAL;"
             "PRAGMA synchronous = OFF; BEGIN;"
             "CREATE TABLE account(id INTEGER PRIMARY KEY, money INTEGER, pad BLOB);"
             "CREATE TABLE blob(id INTEGER PRIMARY KEY, data BLOB);"
             "CREATE INDEX by_money ON account(money);"
             "CREATE VIRTUAL TABLE words USING fts5(body);"
             "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)"
             " INSERT INTO account SELECT i, 1000, zeroblob(900) FROM n;"
             "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)"
             " INSERT INTO blob(data) SELECT randomblob(1000) FROM n;"
             "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)"
             " INSERT INTO words(body) SELECT 'alpha' || i || ' beta' FROM n; COMMIT;",
             page_bytes, auto_vacuum);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
        fail_msg("%s: %s", path, error);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static pid_t start_one(struct crowd *crowd, const char *role)
{
    char seed[16];
    snprintf(seed, sizeof seed, "%u", (unsigned)rand_r(&crowd->seed));
    pid_t pid = fork();
    if (pid == 0) {
        execl("/proc/self/exe", "crowd", role, crowd->path, seed, (char *)NULL);
        _exit(127);
    }
    assert_true(pid > 0);
    return pid;
}

void crowd_start(struct crowd *crowd, const char *path, int writers, int readers, unsigned seed)
{
    *crowd = (struct crowd){.seed = seed, .count = writers + readers + 1};
    snprintf(crowd->path, sizeof crowd->path, "%s", path);
    assert_true(crowd->count <= CROWD_MOST);
    for (int i = 0; i < crowd->count; i++)
        crowd->pids[i] = start_one(crowd, i < writers             ? "crowd-writer"
                                          : i < writers + readers ? "crowd-reader"
                                                                  : "crowd-checkpointer");
}

static void end_one(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

void crowd_kill_one(struct crowd *crowd)
{
    int which = (int)below(&crowd->seed, 4);
    end_one(crowd->pids[which]);
    crowd->pids[which] = start_one(crowd, "crowd-writer");
    crowd->kills++;
}

void crowd_stop(struct crowd *crowd)
{
    for (int i = 0; i < crowd->count; i++)
        end_one(crowd->pids[i]);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hbcore/abi.h - what every other public header stands on: the version of the
 * binary interface, status codes, and the rules that all structures follow.
 *
 * Rules of the ABI
 *  - 64-bit Linux, C11 layout. Headers are also clean as C++17.
 *  - Every structure that crosses the boundary starts with `size`, the
 *    sizeof() that its maker compiled with. It only ever grows at the end. A
 *    reader tests HB_HAS(p, member) before it touches a member that did not
 *    exist in the first release; a missing tail means "not provided".
 *  - Such structures are passed one by one or as arrays of pointers, never as
 *    arrays of structures, so that their size may differ between both sides.
 *  - Text is NUL-terminated. Paths are bytes with '/', relative to the home or
 *    the archive's root, without a leading "./" or "/", never empty, and in no
 *    particular encoding (UTF-8 as a rule, never guaranteed).
 *  - Sizes and offsets are bytes. Memory belongs to the side that made it,
 *    unless a comment says otherwise. Pointers that a call hands over are valid
 *    until that call returns, unless a comment says otherwise.
 *  - A plugin never exits, prints, changes process state (umask, working
 *    directory, locale, signal handlers) or throws across the boundary.
 *    LC_CTYPE is C.UTF-8 while a plugin runs; the host sets and keeps it.
 *
 *  - An enumerator begins with the name of its enum, without the _flags, _kind, _type or _result
 *    of that; HB_OK alone does not.
 *
 * While the top bit of HB_ABI is set the interface is not frozen: it may change between releases,
 * with a new number each time, and a plugin is for the one number that it was compiled with.
 */
#ifndef HBCORE_ABI_H
#define HBCORE_ABI_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Version of the binary interface. The host refuses any other. */
#define HB_ABI_NOT_FROZEN 0x80000000u
#define HB_ABI            (HB_ABI_NOT_FROZEN | 1u)

/* Is `member` present in the structure that `p` points to, by its own size? */
#define HB_HAS(p, member)                                                                          \
    ((p)->size >= (uint32_t)((const char *)(&(p)->member + 1) - (const char *)(p)))

/*
 * The size of a structure of `type` that ends with `member`. For hb_plugin.host_size: say the last
 * service that the plugin cannot do without, and ask HB_HAS() for those behind it.
 */
#define HB_SIZE_TO(type, member)                                                                   \
    ((uint32_t)(offsetof(type, member) + sizeof(((const type *)0)->member)))

#ifdef __cplusplus
#define HB_STATIC_ASSERT(condition, text) static_assert(condition, text)
#else
#define HB_STATIC_ASSERT(condition, text) _Static_assert(condition, text)
#endif

/* Layout checks: a compiler that lays a structure out otherwise fails here. */
#define HB_LAYOUT(type, member, at)                                                                \
    HB_STATIC_ASSERT(offsetof(type, member) == (at), #type "." #member " moved")
#define HB_SIZEOF(type, bytes) HB_STATIC_ASSERT(sizeof(type) == (bytes), #type " changed its size")

#define HB_EXPORT                      __attribute__((visibility("default")))
#define HB_PRINTF(format_at, first_at) __attribute__((format(printf, format_at, first_at)))

/* A size that is not known. */
#define HB_SIZE_UNKNOWN UINT64_MAX

/*
 * What a call returns. Zero and above: it did what was asked, or says that
 * there is nothing to do. Below zero: a failure; the plugin has told the host
 * why through hb_host.fail() in the same thread, before it returned. So do the
 * host's services: a plugin that passes their failure on need not say it again.
 * No call returns an errno value.
 *
 * Where a comment says "a failure", HB_STATUS_ENTRY, HB_STATUS_FATAL, HB_STATUS_CANCELLED and
 * HB_STATUS_LATER are. HB_STATUS_CANCELLED is an answer while the run is being stopped, or from a
 * call that passes on what the host answered within it. Every other number that the comment does
 * not name is a fault of the plugin, never a success: the host names plugin, callback and number,
 * and takes it for a failure of the same reach, HB_STATUS_ENTRY from calls for an entry, and else
 * HB_STATUS_FATAL. Of claim(), probe(), span(), locate(), identity() and note() it takes it for
 * HB_STATUS_NOMATCH, and of put_commit() for HB_STATUS_UNCERTAIN. The same holds for other values
 * that a plugin gives (kinds, flags, sizes): their comments say what an unknown one costs.
 */
enum hb_status {
    HB_OK = 0,
    HB_STATUS_END = 1,        /* no more of them */
    HB_STATUS_NOMATCH = 2,    /* not mine: not my format, not my content, nothing here */
    HB_STATUS_SKIP = 3,       /* a visitor's answer: pass over this entry's data */
    HB_STATUS_ENTRY = -1,     /* this entry cannot be done; the others can */
    HB_STATUS_FATAL = -2,     /* this archive or this run cannot go on */
    HB_STATUS_CANCELLED = -3, /* the user or the host stopped it */
    HB_STATUS_LATER =
        -4, /* this entry cannot be done now, but perhaps later; where it is allowed */
    HB_STATUS_UNCERTAIN = -5, /* nobody can tell whether it was done: of a store's put_commit() */
    HB_STATUS_PROVEN = 4      /* an answer of probe(): mine, whatever else it looks like */
};

/*
 * Why a call failed, as far as a program can act on it; the sentence says it to people, and goes
 * beside it: hb_host.fail_as(), hb_host.cause().
 */
enum hb_cause {
    HB_CAUSE_NONE = 0,     /* none of these */
    HB_CAUSE_NO_SPACE = 1, /* no room left, or a quota that is used up */
    HB_CAUSE_DENIED = 2,   /* no permission */
    HB_CAUSE_NOT_FOUND = 3,
    HB_CAUSE_BUSY = 4,    /* somebody else uses it, or there is too much to do; later, perhaps */
    HB_CAUSE_NETWORK = 5, /* no answer, or a broken one; worth another try */
    HB_CAUSE_AUTHENTICATION = 6, /* who we are is not believed: a wrong or expired secret */
    HB_CAUSE_DAMAGED = 7,        /* what is there is not what was put there */
    HB_CAUSE_UNSUPPORTED = 8,    /* it can never be done there, or by this version */
    HB_CAUSE_EXISTS = 9          /* it is there already, and was not to be replaced */
};

/* The kinds of plugin. */
enum hb_kind {
    HB_KIND_FORMAT = 1,   /* format.h: how an archive is written and read */
    HB_KIND_CONTENT = 2,  /* content.h: how the bytes of special files are obtained and put back */
    HB_KIND_FILTER = 3,   /* filter.h: what is kept */
    HB_KIND_HOOK = 4,     /* hook.h: what else happens before and after */
    HB_KIND_STORE = 5,    /* store.h: where archives lie; experimental */
    HB_KIND_TRANSFORM = 6 /* transform.h: what an archive is sealed with; experimental */
};

/* Which way the data goes. */
enum hb_direction {
    HB_DIRECTION_BACKUP = 1, /* from the home into an archive */
    HB_DIRECTION_IMPORT = 2  /* from an archive into the home */
};

#ifdef __cplusplus
}
#endif
#endif

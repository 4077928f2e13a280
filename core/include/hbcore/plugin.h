/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hbcore/plugin.h - what a plugin is.
 *
 * A plugin is a shared object that exports exactly one symbol, hb_plugin_v1,
 * a function that returns a pointer to constant data: its descriptor. The host
 * reads all of it before it creates an instance, validates the configuration
 * against the options in it, and prints it with `hbcore plugins show NAME`.
 *
 * A descriptor that contradicts itself (callbacks that nobody would ask, a flag that is not known)
 * is refused when it is loaded, with a sentence that names the file.
 *
 * A plugin is loaded with RTLD_NOW | RTLD_LOCAL and never unloaded. Instances
 * are independent: two sections of the configuration may use the same plugin
 * with different settings, and the host makes one instance of a format for each
 * archive that it writes or reads.
 */
#ifndef HBCORE_PLUGIN_H
#define HBCORE_PLUGIN_H

#include <hbcore/host.h>

#ifdef __cplusplus
extern "C" {
#endif

enum hb_option_type {
    HB_OPTION_BOOLEAN = 1, /* yes/no, true/false, on/off, 1/0; in `number` as 1 or 0 */
    HB_OPTION_INTEGER = 2, /* decimal; in `number`. Or one of `choices`, where there are any:
                              `number` is then maximum + 1 + its position */
    HB_OPTION_BYTES = 3,   /* decimal with K, M, G or T (1024-based); in `number` */
    HB_OPTION_SECONDS = 4, /* decimal with s, m, h or d; in `number` */
    HB_OPTION_MODE = 5,    /* octal permission bits; in `number` */
    HB_OPTION_STRING = 6,  /* in `text` */
    HB_OPTION_CHOICE = 7,  /* one of `choices`; in `text`, its position in `number` */
    HB_OPTION_LIST = 8,    /* words between blanks, "…" around one with blanks; in `list` */
    HB_OPTION_PATH = 9     /* of a file or directory; in `text`, where a leading ~ is expanded */
};

enum hb_option_flags {
    HB_OPTION_REQUIRED = 1,   /* it has no default: a section without it is refused */
    HB_OPTION_SECRET = 2,     /* nobody is shown its value: it is not printed, logged or completed;
                                 of a text or path, without a default but "". A text is read by
                                 hb_host.secret() */
    HB_OPTION_ADVANCED = 4,   /* hardly anybody needs it: shown after the others */
    HB_OPTION_DEPRECATED = 8, /* still taken, and `config check` tells; `help` says what instead */
    HB_OPTION_PATTERNS = 16   /* the words of a list are patterns of paths (hbcore(1), PATTERNS),
                                 and one that can never match is refused with its line */
};

/* One option that a plugin takes in its section. */
struct hb_option {
    uint32_t size;            /* sizeof(struct hb_option) */
    uint32_t type;            /* enum hb_option_type */
    const char *key;          /* lower case, words joined by '-' */
    const char *default_text; /* as it would stand in the file; "" for an empty text or list; NULL
                                 with HB_OPTION_REQUIRED, else never */
    int64_t minimum;          /* of `number`, both included; not used where both are 0 */
    int64_t maximum;
    const char *const *choices; /* ended by NULL: of HB_OPTION_CHOICE; of HB_OPTION_INTEGER, if it
                                   also takes words; of HB_OPTION_LIST, if not all will do;
                                   of any other type NULL */
    const char *help;           /* one sentence, without a full stop */
    uint32_t flags;             /* enum hb_option_flags */
    uint32_t reserved;
};

HB_LAYOUT(struct hb_option, key, 8);
HB_LAYOUT(struct hb_option, minimum, 24);
HB_LAYOUT(struct hb_option, help, 48);
HB_LAYOUT(struct hb_option, flags, 56);
HB_SIZEOF(struct hb_option, 64);

/* The value of one option, already validated. */
struct hb_value {
    uint32_t size;
    uint32_t is_set; /* non-zero: from the configuration; 0: the default */
    int64_t number;
    const char *text;
    const char *const *list; /* ended by NULL */
    size_t list_count;
};

HB_LAYOUT(struct hb_value, number, 8);
HB_LAYOUT(struct hb_value, list_count, 32);
HB_SIZEOF(struct hb_value, 40);

/*
 * The settings of one instance: values[i] is for options[i] of the descriptor.
 * They are the host's and valid until destroy().
 */
struct hb_settings {
    uint32_t size;
    uint32_t count;
    const struct hb_value *const *values;
    const char *section; /* the section's name in the configuration, for messages */
};

HB_LAYOUT(struct hb_settings, values, 8);
HB_SIZEOF(struct hb_settings, 24);

struct hb_plugin {
    uint32_t size;      /* sizeof(struct hb_plugin) */
    uint32_t abi;       /* HB_ABI */
    uint32_t kind;      /* enum hb_kind; says what `ops` points to */
    uint32_t host_size; /* the smallest hb_host.size that it can work with */
    const char *name;   /* as the configuration names it; also NAME.so */
    const char *version;
    const char *summary;                    /* one line */
    const struct hb_option *const *options; /* option_count of them */
    size_t option_count;

    /*
     * Makes an instance. HB_OK and *self (NULL is allowed), or a failure after
     * host->fail(). Called on the main thread.
     */
    int (*create)(const struct hb_host *host, const struct hb_settings *settings, void **self);

    /* Ends an instance; may be NULL. Nothing else runs in it then. */
    void (*destroy)(void *self);

    /* struct hb_format_ops, hb_content_ops, hb_filter_ops, hb_hook_ops, hb_store_ops or
     * hb_transform_ops. */
    const void *ops;

    /*
     * Are these settings right together, and will they do here? Asked by `config check`, which
     * makes no instance of a format, hook or store then; it opens and changes nothing. HB_OK, or a
     * failure after host->fail() for each that is wrong, "[SECTION] KEY: …". Main thread. May be
     * NULL.
     */
    int (*check)(const struct hb_host *host, const struct hb_settings *settings);
};

HB_LAYOUT(struct hb_plugin, abi, 4);
HB_LAYOUT(struct hb_plugin, name, 16);
HB_LAYOUT(struct hb_plugin, create, 56);
HB_LAYOUT(struct hb_plugin, ops, 72);
HB_LAYOUT(struct hb_plugin, check, 80);
HB_SIZEOF(struct hb_plugin, 88);

/* The one symbol. */
#define HB_PLUGIN_SYMBOL "hb_plugin_v1"
typedef const struct hb_plugin *(*hb_plugin_function)(void);
HB_EXPORT const struct hb_plugin *hb_plugin_v1(void);

#ifdef __cplusplus
}
#endif

/*
 * HB_PLUGIN_KIND(HB_KIND_STORE); once, outside of functions, of C or C++: the kind also as a note
 * of the file (elf(5), SHT_NOTE; owner "hbcore", type 1, the number in 4 bytes). The host reads it
 * without loading the plugin, and leaves out what it has no use for: who makes an archive in a
 * directory does not load what a store in a network needs. A plugin without it is loaded to be
 * asked; one whose note contradicts its descriptor is refused.
 */
#define HB_PLUGIN_NOTE_OWNER "hbcore"
#define HB_PLUGIN_NOTE_KIND  1
struct hb_plugin_note {
    uint32_t owner_bytes, value_bytes, type;
    char owner[8];
    uint32_t value;
};
HB_LAYOUT(struct hb_plugin_note, owner, 12);
HB_SIZEOF(struct hb_plugin_note, 24);
#define HB_PLUGIN_KIND(kind)                                                                       \
    __attribute__((section(".note.hbcore"), used,                                                  \
                   aligned(4))) static const struct hb_plugin_note hb_plugin_note_of_kind = {      \
        sizeof HB_PLUGIN_NOTE_OWNER, 4, HB_PLUGIN_NOTE_KIND, HB_PLUGIN_NOTE_OWNER, kind}

#endif

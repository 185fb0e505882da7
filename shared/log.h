#pragma once

// Operational log: the journal with its own fields, or lines on stderr. Never a target value, never
// payload: what may be one is passed only to X1 answers. The audit log is something else
// (control/audit/audit.h). Not for hot-path files.

#include <stdarg.h>

#include "shared/log_kinds.h"

enum log_level { LOG_LEVEL_ERROR = 3, LOG_LEVEL_WARNING = 4, LOG_LEVEL_NOTICE = 5, LOG_LEVEL_INFO = 6, LOG_LEVEL_DEBUG = 7 };

// LOG_TARGET_AUTO: the journal when stderr is connected to it (JOURNAL_STREAM), else stderr.
enum log_target { LOG_TARGET_AUTO, LOG_TARGET_JOURNAL, LOG_TARGET_STDERR };

// One place in the source that logs.
struct log_site {
	enum log_level level;
	enum log_kind kind; // LOG_KIND_NONE: without a MESSAGE_ID
	const char *file;
	int line;
};

// `program` is kept by reference. Call once, before threads start; target AUTO.
void log_open(const char *program, enum log_level threshold);
void log_set_level(enum log_level threshold);
// Before threads start. Without a journal this is written to stderr, which is then used.
void log_set_target(enum log_target target);
// The level of a configuration's word; NOTICE for NULL and what is none.
enum log_level log_level_of(const char *word);

// One line; control characters in the formatted text are escaped, so a peer cannot forge lines.
// Each call site is limited to a burst of 10 per second; the number of suppressed lines is reported
// with its next line, or by log_tick when there is none.
void log_write(const struct log_site *site, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
// About once a second: reports suppressed lines of places that have been silent since.
void log_tick(void);

// log_kind(NOTICE, STARTED, "format", ...): a message of the table in log_kinds.h.
#define log_kind(level_, kind_, ...)                                                             \
	log_write(&(const struct log_site){LOG_LEVEL_##level_, LOG_KIND_##kind_, __FILE__, __LINE__}, \
		__VA_ARGS__)
#define log_error(...) log_kind(ERROR, NONE, __VA_ARGS__)
#define log_warning(...) log_kind(WARNING, NONE, __VA_ARGS__)
#define log_notice(...) log_kind(NOTICE, NONE, __VA_ARGS__)
#define log_info(...) log_kind(INFO, NONE, __VA_ARGS__)
#define log_debug(...) log_kind(DEBUG, NONE, __VA_ARGS__)

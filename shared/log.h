#pragma once

// Operational log: stderr, or the journal when stderr is connected to it (JOURNAL_STREAM). Never a
// target value, never payload: what may be one is passed only to X1 answers. Not for hot-path files.

#include <stdarg.h>

enum log_level { LOG_LEVEL_ERROR = 3, LOG_LEVEL_WARNING = 4, LOG_LEVEL_NOTICE = 5, LOG_LEVEL_INFO = 6, LOG_LEVEL_DEBUG = 7 };

// `program` is kept by reference. Call once, before threads start.
void log_open(const char *program, enum log_level threshold);
void log_set_level(enum log_level threshold);

// One line; control characters in the formatted text are escaped, so a peer cannot forge lines.
// Each call site is limited to a burst of 10 per second; what was suppressed is said with the next.
void log_write(enum log_level level, const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#define log_error(...) log_write(LOG_LEVEL_ERROR, __FILE__, __LINE__, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __FILE__, __LINE__, __VA_ARGS__)
#define log_notice(...) log_write(LOG_LEVEL_NOTICE, __FILE__, __LINE__, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __FILE__, __LINE__, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __FILE__, __LINE__, __VA_ARGS__)

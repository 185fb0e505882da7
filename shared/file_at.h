#pragma once

// Reads and writes at a place of a file, as often as the kernel wants to be asked. The file's own
// position is not used.

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// Writes all `n` bytes. 0, or IO (errno): some of them may be there.
[[nodiscard]] int file_write_at(int fd, const uint8_t *octets, size_t n, uint64_t at);
// Returns the bytes read, fewer than `n` only at the end of the file; -1 on an error (errno).
[[nodiscard]] ssize_t file_read_at(int fd, uint8_t *octets, size_t n, uint64_t at);

// Reads and writes at a place of a file.
#include "shared/file_at.h"

#include <errno.h>
#include <unistd.h>

#include "shared/error.h"

int file_write_at(int fd, const uint8_t *octets, size_t n, uint64_t at)
{
	while (n > 0) {
		ssize_t done = pwrite(fd, octets, n, (off_t)at);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return POI_ERR_IO;
		octets += done;
		n -= (size_t)done;
		at += (uint64_t)done;
	}
	return POI_OK;
}

ssize_t file_read_at(int fd, uint8_t *octets, size_t n, uint64_t at)
{
	size_t total = 0;

	while (total < n) {
		ssize_t got = pread(fd, octets + total, n - total, (off_t)(at + total));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		total += (size_t)got;
	}
	return (ssize_t)total;
}

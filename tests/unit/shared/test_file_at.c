// Reading and writing at a place of a file.

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/error.h"
#include "shared/file_at.h"

static int fresh_file(void)
{
	char name[] = "/tmp/test_file_at.XXXXXX";
	int fd = mkstemp(name);

	cr_assert_geq(fd, 0);
	cr_assert_eq(unlink(name), 0);
	return fd;
}

Test(file_at, reads_what_is_there)
{
	int fd = fresh_file();
	uint8_t got[8] = {0};

	cr_assert_eq(file_write_at(fd, (const uint8_t *)"abcdef", 6, 0), POI_OK);
	cr_assert_eq(file_write_at(fd, (const uint8_t *)"XY", 2, 3), POI_OK);
	cr_expect_eq(file_read_at(fd, got, 4, 2), 4);
	cr_expect_eq(memcmp(got, "cXYf", 4), 0);
	cr_expect_eq(file_read_at(fd, got, sizeof(got), 4), 2, "fewer at the end");
	cr_expect_eq(file_read_at(fd, got, sizeof(got), 6), 0);
	cr_expect_eq(lseek(fd, 0, SEEK_CUR), 0, "the file's own position stays");
	close(fd);
}

Test(file_at, says_what_fails)
{
	int ends[2];
	uint8_t octet = 0;

	cr_assert_eq(pipe(ends), 0);
	cr_expect_eq(file_write_at(ends[1], &octet, 1, 0), POI_ERR_IO, "a pipe has no places");
	cr_expect_eq(file_read_at(ends[0], &octet, 1, 0), -1);
	cr_expect_eq(file_write_at(ends[1], &octet, 0, 0), POI_OK);
	close(ends[0]);
	close(ends[1]);
}

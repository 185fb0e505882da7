// Finds the DPDK driver of a PCI id in the drivers' libraries, and the Debian package that has it.
#include "shared/nic_driver.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include POI_NIC_IDS

#define LIBRARY "librte_net_"
#define MARK "PMD_INFO_STRING= "
#define LIBRARY_MAX (256u << 20)
#define INFO_MAX 65536 // bytes of one driver's text
#define ANY 0xffffu

const char *nic_driver_folder(void)
{
	return POI_PMD_FOLDER;
}

// Four numbers of "[1, 2, 3, 4]"; false when there are not four. *at moves behind them.
static bool four(const char **at, unsigned v[4])
{
	const char *p = *at;

	if (*p++ != '[')
		return false;
	for (int i = 0; i < 4; i++) {
		char *end;
		p += strspn(p, " ,");
		v[i] = (unsigned)strtoul(p, &end, 10);
		if (end == p)
			return false;
		p = end;
	}
	*at = p + (*p == ']');
	return true;
}

static bool fits(unsigned known, unsigned is)
{
	return known == ANY || known == is;
}

// `info` is a driver's text: {"name": "net_x", ..., "pci_ids": [[v, d, sv, sd], ...]}. An id of
// NULL fits when the driver has any.
static bool info_has(const char *info, const struct nic_id *id, char *name, size_t size)
{
	static const char name_key[] = "\"name\": \"", ids_key[] = "\"pci_ids\": [";
	const char *n = strstr(info, name_key), *at = strstr(info, ids_key);
	unsigned v[4];

	if (!n || !at)
		return false;
	n += sizeof(name_key) - 1;
	at += sizeof(ids_key) - 1;
	while (four(&at, v)) {
		if (!id || (fits(v[0], id->vendor) && fits(v[1], id->device) &&
				   fits(v[2], id->sub_vendor) && fits(v[3], id->sub_device))) {
			snprintf(name, size, "%.*s", (int)strcspn(n, "\""), n);
			return true;
		}
		at += strspn(at, " ,");
	}
	return false;
}

static bool image_has(const char *image, size_t n, const struct nic_id *id, char *name, size_t size)
{
	const char *at = image, *end = image + n;

	while ((at = memmem(at, (size_t)(end - at), MARK, sizeof(MARK) - 1))) {
		at += sizeof(MARK) - 1;
		size_t left = (size_t)(end - at), length = strnlen(at, left);
		if (length == left || length > INFO_MAX)
			continue;
		if (info_has(at, id, name, size))
			return true;
	}
	return false;
}

static bool library_has(const char *path, const struct nic_id *id, char *name, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	bool has = false;

	if (fd < 0)
		return false;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
		st.st_size <= LIBRARY_MAX) {
		size_t n = (size_t)st.st_size;
		char *image = mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, 0);
		if (image != MAP_FAILED) {
			has = image_has(image, n, id, name, size);
			munmap(image, n);
		}
	}
	close(fd);
	return has;
}

// Links to a library are left out: the library itself is in the same folder.
static bool is_library(DIR *d, const struct dirent *e)
{
	struct stat st;

	return strncmp(e->d_name, LIBRARY, sizeof(LIBRARY) - 1) == 0 && strstr(e->d_name, ".so") &&
	       fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

bool nic_driver_find(const char *path, const struct nic_id *id, char *out, size_t size)
{
	char file[4096], name[64];
	struct dirent *e;
	bool found = false;
	DIR *d = opendir(path);

	if (!d) {
		const char *slash = strrchr(path, '/');
		if (library_has(path, id, name, sizeof(name))) {
			snprintf(out, size, "%s (%s)", name, slash ? slash + 1 : path);
			return true;
		}
		return false;
	}
	while (!found && (e = readdir(d))) {
		if (!is_library(d, e))
			continue;
		snprintf(file, sizeof(file), "%s/%s", path, e->d_name);
		found = library_has(file, id, name, sizeof(name));
		if (found)
			snprintf(out, size, "%s (%s)", name, e->d_name);
	}
	closedir(d);
	return found;
}

bool nic_driver_any(const char *path)
{
	char name[512];

	return nic_driver_find(path, NULL, name, sizeof(name));
}

// "e1000" of release 23 is in librte-net-e1000-23, "ixgbe" in librte-net-ixgbe23.
static void package_name(const char *library, char *out, size_t size)
{
	const char *release = strstr(nic_driver_folder(), "pmds-");
	size_t n = strlen(library);
	int at = snprintf(out, size, "librte-net-%s%s%u", library,
		isdigit((unsigned char)library[n - 1]) ? "-" : "",
		release ? (unsigned)strtoul(release + 5, NULL, 10) : 0);

	for (int i = 0; i < at && (size_t)i < size; i++)
		if (out[i] == '_')
			out[i] = '-';
}

bool nic_driver_package(const struct nic_id *id, char *out, size_t size)
{
	char word[16];

	snprintf(word, sizeof(word), "%04x:%04x", id->vendor & 0xffff, id->device & 0xffff);
	for (size_t i = 0; i < sizeof(nic_ids) / sizeof(nic_ids[0]); i++)
		if (strstr(nic_ids[i].ids, word)) {
			package_name(nic_ids[i].library, out, size);
			return true;
		}
	return false;
}

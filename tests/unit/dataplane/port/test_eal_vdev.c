// Virtual devices before the EAL creates them: refusals, and sockets left behind.
#include "dataplane/port/eal_vdev.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "shared/error.h"

static char folder[64], path[96], why[512];

static void setup(void)
{
	strcpy(folder, "/tmp/test_eal_vdev.XXXXXX");
	cr_assert_not_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/s.sock", folder);
	why[0] = '\0';
}

static void teardown(void)
{
	(void)unlink(path);
	(void)rmdir(folder);
}

TestSuite(eal_vdev, .init = setup, .fini = teardown);

static int prepare(const char *format)
{
	char line[256];
	struct eal_arguments a;

	snprintf(line, sizeof(line), format, path);
	cr_assert_eq(eal_split(line, &a), POI_OK);
	int e = eal_vdev_prepare(&a, why, sizeof(why));
	free(a.text);
	return e;
}

static int listen_there(int type)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, type, 0);

	strcpy(at.sun_path, path);
	cr_assert_eq(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	cr_assert_eq(listen(fd, 1), 0);
	return fd;
}

Test(eal_vdev, ends_of_virtio_user)
{
	cr_expect_eq(prepare("--vdev net_virtio_user0,path=%s,server=1"), POI_ERR_INVALID);
	cr_expect_not_null(
		strstr(why, "port net_virtio_user0: virtio_user with server=1 blocks"), "%s", why);
	cr_expect_eq(prepare("--vdev=virtio_user3,server=1,path=%s"), POI_ERR_INVALID);
	cr_expect_eq(prepare("--vdev net_virtio_user0,path=%s"), POI_OK);
	cr_expect_eq(prepare("-m 256 --vdev=net_null0"), POI_OK);
	cr_expect_eq(prepare("-m 256 --vdev"), POI_OK);
}

// A socket without a process behind it is removed, one with a process is not.
Test(eal_vdev, sockets_left_behind)
{
	static const char *const devices[] = {
		"--vdev net_memif0,role=server,socket=%s,socket-abstract=no",
		"--vdev net_vhost0,iface=%s"};
	static const int types[] = {SOCK_SEQPACKET, SOCK_STREAM};

	for (size_t i = 0; i < 2; i++) {
		int fd = listen_there(types[i]);
		cr_expect_eq(prepare(devices[i]), POI_OK);
		cr_expect_eq(access(path, F_OK), 0, "%s", devices[i]);
		close(fd);
		cr_expect_eq(prepare(devices[i]), POI_OK);
		cr_expect_neq(access(path, F_OK), 0, "%s", devices[i]);
	}
}

// Neither the peer's socket nor a file that is no socket is ours.
Test(eal_vdev, what_stays)
{
	close(listen_there(SOCK_STREAM));
	cr_expect_eq(prepare("--vdev net_vhost0,client=1,iface=%s"), POI_OK);
	cr_expect_eq(prepare("--vdev net_virtio_user0,path=%s"), POI_OK);
	cr_expect_eq(access(path, F_OK), 0);
	cr_assert_eq(unlink(path), 0);
	fclose(fopen(path, "w"));
	cr_expect_eq(prepare("--vdev net_vhost0,iface=%s"), POI_OK);
	cr_expect_eq(access(path, F_OK), 0);
}

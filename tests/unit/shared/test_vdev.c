// The words of one --vdev.
#include "shared/vdev.h"

#include <criterion/criterion.h>
#include <string.h>

Test(vdev, drivers)
{
	cr_expect(vdev_is_of("net_vhost0,iface=/x", "net_vhost"));
	cr_expect(vdev_is_of("net_vhost12", "net_vhost"));
	cr_expect(!vdev_is_of("net_vhostile0", "net_vhost"));
	cr_expect(!vdev_is_of("net_virtio_user0", "virtio_user"));
}

Test(vdev, arguments)
{
	char v[16];

	cr_expect(vdev_argument("net_x0,ab=1,b=/p,c", "b", v, sizeof(v)));
	cr_expect_str_eq(v, "/p");
	cr_expect(vdev_argument("net_x0,ab=1,b=/p,c", "c", v, sizeof(v)));
	cr_expect_str_eq(v, "");
	cr_expect(!vdev_argument("net_x0,ab=1", "a", v, sizeof(v)));
	cr_expect(!vdev_argument("net_x0", "a", v, sizeof(v)));
}

Test(vdev, ends_of_virtio_user)
{
	cr_expect_eq(vdev_virtio("net_virtio_user0,path=/run/x"), VDEV_ONCE);
	cr_expect_eq(vdev_virtio("virtio_user0,path=/run/x,server=0"), VDEV_ONCE);
	cr_expect_eq(vdev_virtio("net_virtio_user0,path=/run/x,server=1"), VDEV_BLOCKING);
	cr_expect_eq(vdev_virtio("net_virtio_user0,path=/dev/vhost-net"), VDEV_LASTING);
	cr_expect_eq(vdev_virtio("net_vhost0,iface=/run/x"), VDEV_LASTING);
	cr_expect_not_null(strstr(vdev_virtio_text(VDEV_ONCE), "net_vhost"));
	cr_expect_not_null(strstr(vdev_virtio_text(VDEV_BLOCKING), "net_memif"));
}

Test(vdev, sockets)
{
	char path[64];
	bool listens;

	cr_expect(vdev_socket("net_vhost0,iface=/run/v", path, sizeof(path), &listens));
	cr_expect(listens);
	cr_expect_str_eq(path, "/run/v");
	cr_expect(vdev_socket("net_vhost0,iface=/run/v,client=1", path, sizeof(path), &listens));
	cr_expect(!listens);
	cr_expect(vdev_socket("net_memif0,role=server,socket=/run/m,socket-abstract=no", path,
		sizeof(path), &listens));
	cr_expect(listens);
	cr_expect_str_eq(path, "/run/m");
	cr_expect(vdev_socket("net_memif0,role=client,socket=/run/m,socket-abstract=no", path,
		sizeof(path), &listens));
	cr_expect(!listens);
	cr_expect(!vdev_socket("net_memif0,role=server,socket=/m", path, sizeof(path), &listens));
	cr_expect(!vdev_socket("net_tap0,iface=t0", path, sizeof(path), &listens));
}

// The parts of `poi check` against a machine made of files.
#include "tests/unit/control/cli/check_world.h"

TestSuite(check, .init = setup, .fini = teardown);

Test(check, lists_of_the_kernel)
{
	cr_expect(check_in_list("0-3,8", 0) && check_in_list("0-3,8", 3) &&
		  check_in_list("0-3,8", 8));
	cr_expect(
		!check_in_list("0-3,8", 4) && !check_in_list("0-3,8", 18) && !check_in_list("", 0));
	cr_expect(!check_in_list("none", 0) && check_in_list("7", 7));
}

Test(check, options_of_the_eal)
{
	char v[64];

	config.dataplane.eal = (char *)"-m256 --vdev net_null0 --vdev='net_pcap0,rx_pcap=a b.pcap' "
				       "--vdevs x --in-memory -a 0000:03:00.0";
	cr_expect(check_eal(&config, "-m", 0, v, sizeof(v)));
	cr_expect_str_eq(v, "256");
	cr_expect(check_eal(&config, "--vdev", 0, v, sizeof(v)));
	cr_expect_str_eq(v, "net_null0");
	cr_expect(check_eal(&config, "--vdev", 1, v, sizeof(v)));
	cr_expect_str_eq(v, "net_pcap0,rx_pcap=a b.pcap");
	cr_expect(!check_eal(&config, "--vdev", 2, v, sizeof(v)));
	cr_expect(check_eal(&config, "--in-memory", 0, v, sizeof(v)));
	cr_expect_str_eq(v, "");
	cr_expect(!check_eal(&config, "--no-huge", 0, v, sizeof(v)));
}

Test(check, a_machine_as_it_should_be)
{
	check_cpus(&check);
	check_memory(&check);
	check_ports(&check);
	cr_expect(!n[CHECK_WARN] && !n[CHECK_FAIL] && n[CHECK_OK] == 9, "%s", said);
	SAYS("ok service ports are opened as poi, judged by "
	     "/usr/lib/systemd/system/poi-dataplane.service "
	     "and 0 drop-ins");
	SAYS("ok port 0000:03:00.0: driver vfio-pci");
	SAYS("ok iommu 0000:03:00.0: group 2, poi can open /dev/vfio/2");
	SAYS("ok port 0000:03:00.0: 8086:10d3, DPDK's driver net_e1000_em (librte_net_e1000.so)");
}

Test(check, threads_that_share_a_cpu)
{
	struct config_dataplane *d = &config.dataplane;
	struct config_delivery *delivery = &config.delivery;

	check_cpus(&check);
	SAYS("ok cpu 1 delivery threads on CPUs 1; builder, follower and helper threads on 0\n");
	cr_expect_eq(n[CHECK_WARN], 0, "%s", said);
	forget();
	delivery->threads = 3;
	check_cpus(&check);
	SAYS("hint cpu delivery threads 0 and 1 share CPU 1; write delivery.cpus, or lower "
	     "delivery.threads\n");
	SAYS("hint cpu delivery threads 0 and 2 share CPU 1;");
	forget();
	delivery->threads = 1;
	delivery->n_cpus = 1;
	delivery->cpus[0] = 4;
	d->n_control_cpus = 2;
	d->control_cpus[0] = 1;
	d->control_cpus[1] = 7;
	check_cpus(&check);
	SAYS("FAIL cpu delivery.cpus[0]: there is no CPU 4; write one of 0-3\n");
	SAYS("FAIL cpu dataplane.control-cpus[1]: there is no CPU 7; write one of 0-3\n");
	forget();
	delivery->cpus[0] = 1;
	d->control_cpus[1] = 0;
	check_cpus(&check);
	SAYS("hint cpu delivery shares CPU 1 with builder and follower");
	forget();
	d->n_control_cpus = 0;
	put("1,2\n", "/sys/devices/system/cpu/cpu2/topology/thread_siblings_list");
	check_cpus(&check);
	SAYS("hint cpu delivery thread 0 on CPU 1 shares a core with a worker");
	forget();
	d->n_workers = 1;
	d->n_control_cpus = 2;
	d->control_cpus[1] = 3;
	delivery->cpus[0] = 0;
	check_cpus(&check);
	SAYS("warn cpu dataplane.control-cpus[1]: CPU 3 is isolated");
	check_ports(&check);
	SAYS("warn port 0000:03:00.0 is on memory node 1, CPU 0 of delivery.cpus on node 0");
	SAYS("CPU 1 of dataplane.control-cpus on node 0");
}

// One CPU, or logical cores of the EAL's: the only two forms that the file may have.
Test(check, threads_that_share_a_workers_cpu)
{
	config.delivery.n_cpus = 1;
	config.delivery.cpus[0] = 2;
	config.dataplane.n_control_cpus = 1;
	config.dataplane.control_cpus[0] = 3;
	check_cpus(&check);
	SAYS("hint cpu delivery thread 0 shares CPU 2 with a worker");
	SAYS("hint cpu dataplane.control-cpus: CPU 3 is a worker's");
}

Test(check, cpus_of_the_unit)
{
	put("[Service]\nCPUAffinity=0\n", UNIT_FOLDER ".d/cpus.conf");
	check_cpus(&check);
	SAYS("ok cpu 1 delivery threads on CPUs 0; builder, follower and helper threads on 0\n");
	forget();
	put("[Service]\nCPUAffinity=0\nCPUAffinity=\nCPUAffinity=1-2, 3\nAllowedCPUs=0-2 3\n",
		UNIT_FOLDER ".d/cpus.conf");
	check_cpus(&check);
	SAYS("ok cpu 1 delivery threads on CPUs 1; builder, follower and helper threads on 0\n");
	forget();
	put("[Service]\nAllowedCPUs=1-2\n", UNIT_FOLDER ".d/cpus.conf");
	check_cpus(&check);
	SAYS("FAIL cpu the unit may use CPUs 1-2 only (AllowedCPUs=, ");
	SAYS("and the configuration names 0,3; correct it with: systemctl edit poi-dataplane");
}

Test(check, cpus)
{
	config.dataplane.workers[1] = 4;
	check_cpus(&check);
	SAYS("FAIL cpu dataplane.workers[1]: there is no CPU 4; write one of 0-3");
	forget();
	config.dataplane.workers[1] = 3;
	put("2\n", "/sys/devices/system/cpu/isolated");
	put("2-3\n", "/sys/devices/system/cpu/cpu2/topology/thread_siblings_list");
	put("2-3\n", "/sys/devices/system/cpu/cpu3/topology/thread_siblings_list");
	put("powersave\n", "/sys/devices/system/cpu/cpu2/cpufreq/scaling_governor");
	check_cpus(&check);
	SAYS("hint cpu worker 1: CPU 3 is not isolated");
	SAYS("hint cpu CPUs 2 and 3 of dataplane.workers are two threads of one core");
	SAYS("cpupower -c 2 frequency-set -g performance");
	cr_expect(n[CHECK_HINT] == 3 && !n[CHECK_WARN] && !n[CHECK_FAIL], "%s", said);
}

Test(check, hugepages)
{
	put("16\n", "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages");
	check_memory(&check);
	SAYS("warn hugepages 32 of 512 MiB are free");
	forget();
	put("100\n", "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages");
	check_memory(&check);
	SAYS("FAIL hugepages 200 MiB reserved, 256 MiB asked for in dataplane.eal; sysctl "
	     "vm.nr_hugepages=129");
	forget();
	put("1\n", "/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages");
	put("1\n", "/sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages");
	check_memory(&check);
	SAYS("ok hugepages 1056 MiB free");
	forget();
	config.dataplane.eal = (char *)"--no-huge --socket-mem=1024,1024";
	check_memory(&check);
	SAYS("hint hugepages not used (--no-huge)");
	forget();
	config.dataplane.eal = (char *)"--socket-mem=1024,1024";
	check_memory(&check);
	SAYS("FAIL hugepages 1224 MiB reserved, 2048 MiB asked for");
	SAYS("warn hugepages packets lie in files of hugetlbfs");
	forget();
	config.dataplane.eal = (char *)"--in-memory";
	config.dataplane.mbufs = 4194304;
	config.dataplane.mbuf_size = 2304;
	check_memory(&check);
	SAYS("needed for the packet buffers");
	cr_expect(!strstr(said, "buffers port"), "%s", said);
	forget();
	config.dataplane.mbufs = 2048;
	config.dataplane.ports[0].descriptors = 1024;
	check_memory(&check);
	SAYS("warn buffers port 0000:03:00.0: dataplane.mbufs is 2048, and its queues, bursts and "
	     "held "
	     "packets can take ");
	forget();
	config.dataplane.mbufs = 0;
	check_memory(&check);
	cr_expect(!strstr(said, "buffers port"), "%s", said);
}

Test(check, swap)
{
	put("Filename\tType\n/dev/sda2 partition\n", "/proc/swaps");
	check_memory(&check);
	SAYS("warn swap is on");
}

Test(check, tls_of_the_kernel)
{
	put("espintcp mptcp\n", "/proc/sys/net/ipv4/tcp_available_ulp");
	check_kernel_tls(&check);
	cr_assert_str_empty(said, "nobody asks for it: %s", said);
	config.delivery.kernel_tls = true;
	check_kernel_tls(&check);
	SAYS("hint kernel TLS the kernel's module tls is not loaded");
	put("espintcp mptcp tls\n", "/proc/sys/net/ipv4/tcp_available_ulp");
	forget();
	check_kernel_tls(&check);
	SAYS("ok kernel TLS the kernel has it");
}

Test(check, nics)
{
	bind_driver("0000:03:00.0", "ixgbe");
	check_ports(&check);
	SAYS("FAIL port 0000:03:00.0: the kernel has it (driver ixgbe)");
	SAYS("modprobe vfio-pci; dpdk-devbind.py --bind=vfio-pci 0000:03:00.0");
	forget();
	config.dataplane.ports[0].device = (char *)"03:00.0";
	bind_driver("0000:03:00.0", "mlx5_core");
	check_ports(&check);
	SAYS("ok port 03:00.0: driver mlx5_core");
	SAYS("FAIL service 03:00.0: mlx5_core has no device of infiniband_verbs; modprobe mlx5_ib");
	forget();
	folder(NIC "/infiniband_verbs/uverbs0");
	check_ports(&check);
	SAYS("FAIL service 03:00.0: DeviceAllow=char-infiniband_verbs rw is missing for poi to "
	     "open "
	     "/dev/infiniband/uverbs0");
	SAYS("/poi/systemd/60-poi-mlx5.conf && systemctl daemon-reload");
	forget();
	put("[Service]\nDeviceAllow=char-infiniband_verbs rw\n",
		"/etc/systemd/system/poi-dataplane.service.d/mlx5.conf");
	check_ports(&check);
	cr_expect(!n[CHECK_FAIL], "%s", said);
	SAYS("and 1 drop-ins");
	forget();
	bind_driver("0000:03:00.0", "uio_pci_generic");
	check_ports(&check);
	SAYS("FAIL port 03:00.0: driver uio_pci_generic serves root only, and the unit runs as "
	     "poi");
	forget();
	put("0\n", "/sys/bus/pci/devices/0000:03:00.0/numa_node");
	check_ports(&check);
	SAYS("is on memory node 0, CPU 2 of dataplane.workers on node 1");
	forget();
	config.dataplane.eal = (char *)"-a 0000:04:00.0 -a 05:00.0,x=1";
	check_ports(&check);
	SAYS("FAIL port 03:00.0: dataplane.eal allows others only; add -a 03:00.0");
	forget();
	config.dataplane.eal = (char *)"-a 04:00.0 --allow pci:0000:03:00.0";
	check_ports(&check);
	cr_expect_null(strstr(said, "allows others only"), "%s", said);
	forget();
	config.dataplane.eal = (char *)"-b 03:00.0";
	check_ports(&check);
	SAYS("FAIL port 03:00.0: dataplane.eal blocks it; take its -b out");
	config.dataplane.eal = (char *)"-a 03:00.0,x=1 --no-pci";
	forget();
	check_ports(&check);
	SAYS("FAIL port 03:00.0: dataplane.eal has --no-pci");
	config.dataplane.ports[0].device = (char *)"0000:09:00.0";
	check_ports(&check);
	SAYS("FAIL port 0000:09:00.0: there is no such device");
}

Test(check, virtual_devices)
{
	config.dataplane.ports[0].device = (char *)"net_null0";
	check_ports(&check);
	SAYS("FAIL port net_null0: nothing makes this device; add --vdev net_null0");
	forget();
	config.dataplane.eal = (char *)"--vdev net_null01 --vdev net_null0,size=64";
	check_ports(&check);
	SAYS("ok port net_null0: virtual device");
	forget();
	config.dataplane.ports[0].device = (char *)"net_af_packet0";
	config.dataplane.eal = (char *)"--vdev net_af_packet0,iface=up0";
	check_ports(&check);
	SAYS("FAIL port net_af_packet0: there is no interface up0");
	forget();
	put("down\n", "/sys/class/net/up0/operstate");
	check_ports(&check);
	SAYS("warn port net_af_packet0: interface up0 is down; ip link set up0 up");
	forget();
	config.dataplane.ports[0].device = (char *)"net_pcap0";
	config.dataplane.eal = (char *)"--vdev net_pcap0,rx_pcap=missing.pcap";
	check_ports(&check);
	SAYS("FAIL port net_pcap0: /tmp/missing.pcap: No such file");
	forget();
	config.dataplane.ports[0].device = (char *)"crypto_x0";
	config.dataplane.eal = (char *)"--vdev crypto_x0";
	check_ports(&check);
	SAYS("warn port crypto_x0: a virtual device that is not known here");
}

// The `iface` of net_vhost is a socket, not an interface.
Test(check, sockets_of_virtual_devices)
{
	config.dataplane.ports[0].device = (char *)"net_vhost0";
	config.dataplane.eal = (char *)"--vdev net_vhost0,iface=/run/poi/v.sock";
	check_ports(&check);
	SAYS("FAIL port net_vhost0: there is no folder /run/poi for the socket v.sock");
	forget();
	folder("/run/poi");
	own("/run/poi", 4700, GROUP_OF_POI, 0700);
	check_ports(&check);
	cr_expect(!n[CHECK_FAIL], "%s", said);
	SAYS("ok port net_vhost0: listens on /run/poi/v.sock");
	forget();
	config.dataplane.eal = (char *)"--vdev net_vhost0,iface=/run/poi/v.sock,client=1";
	check_ports(&check);
	SAYS("ok port net_vhost0: connects to /run/poi/v.sock");
	forget();
	config.dataplane.ports[0].device = (char *)"net_memif0";
	config.dataplane.eal = (char *)"--vdev "
				       "net_memif0,role=server,socket=/run/m.sock,socket-"
				       "abstract=no";
	check_ports(&check);
	SAYS("ok port net_memif0: listens on /run/m.sock");
	cr_expect(!strstr(said, "as client"), "%s", said);
	forget();
	config.dataplane.eal = (char *)"--vdev net_memif0,role=client,id=3";
	check_ports(&check);
	SAYS("warn port net_memif0: net_memif as client connects at its start only");
	forget();
	config.dataplane.eal = (char *)"--vdev net_memif0"; // the driver's default
	check_ports(&check);
	SAYS("warn port net_memif0: net_memif as client connects at its start only");
}

Test(check, ends_of_virtio_user)
{
	config.dataplane.ports[0].device = (char *)"net_virtio_user0";
	config.dataplane.eal = (char *)"--vdev net_virtio_user0,path=/run/v.sock";
	check_ports(&check);
	SAYS("warn port net_virtio_user0: virtio_user connects once");
	SAYS("use net_vhostN,iface=SOCKET");
	forget();
	config.dataplane.eal = (char *)"--vdev net_virtio_user0,path=/run/v.sock,server=1";
	check_ports(&check);
	SAYS("FAIL port net_virtio_user0: virtio_user with server=1 blocks the start");
	forget();
	config.dataplane.eal = (char *)"--vdev net_virtio_user0,path=/dev/vhost-net,iface=tap0";
	check_ports(&check);
	cr_expect(!n[CHECK_FAIL], "%s", said); // the device makes the interface
}

Test(check, what_is_accepted_and_worth_a_word)
{
	config.dataplane.ports[0].mode = CONFIG_PORT_INLINE;
	config.dataplane.ports[0].tunnel = CONFIG_TUNNEL_GTPU;
	config.n_nes = 1;
	config.nes[0].ne_identifier = (char *)"ne";
	check_policy(&check);
	SAYS("hint inline");
	SAYS("warn tunnel port 0000:03:00.0: without gtp-endpoints");
	SAYS("warn reports ne");
	SAYS("warn fail-safe ne");
	SAYS("hint audit");
	cr_expect_eq(n[CHECK_WARN], 3);
	cr_expect_eq(n[CHECK_HINT], 2);
}

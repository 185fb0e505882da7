"""net_af_xdp on the kernel interface of a card: two queues of it, two workers."""

from qemu import MachineError
from test_nic_cards import VIRTIO, CardsCase

BPFFS = "/run/poi-bpf"
DROP_INS = "/etc/systemd/system/poi-dataplane.service.d"


class AfXdp(CardsCase):
	"""The kernel keeps the card; two queues of it come by AF_XDP. The unit needs more rights for that."""

	FRESH = False

	@classmethod
	def prepare(cls):
		cls.poi.stop()
		cls.poi.hugepages()
		cls.poi.certificates()
		address = cls.poi.bind(VIRTIO, "virtio-pci")
		cls.interface = cls.machine.wait(f"ls /sys/bus/pci/devices/{address}/virtio*/net").out.strip()
		cls.machine.run(
			f"sysctl -qw net.ipv6.conf.{cls.interface}.disable_ipv6=1; ip link set {cls.interface} mtu 1500 up"
		)
		# the packaged rights, and no more; the second one mounts the bpffs
		cls.addClassCleanup(cls.machine.run, f"umount {BPFFS}", check=False)
		cls.machine.run(
			f"install -D -m 644 -t {DROP_INS}"
			" /usr/share/poi/systemd/50-poi-least.conf /usr/share/poi/systemd/60-poi-af-xdp.conf"
		)
		cls.machine.run("systemctl daemon-reload")
		cls.addClassCleanup(
			cls.machine.run,
			"systemctl stop poi-control poi-dataplane;"
			f" rm -r {DROP_INS}; systemctl daemon-reload",
			check=False,
		)
		cls.poi.configure(
			["{ device: net_af_xdp0, mode: probe }"],
			f"--no-pci --vdev net_af_xdp0,iface={cls.interface},start_queue=0,queue_count=2",
			workers="1, 2",
			dataplane="mbufs: 8192",
		)
		try:
			cls.poi.start()
		except MachineError as e:
			raise MachineError(f"{e}\n{cls.poi.journal(60)}") from e
		cls.poi.mdf("xdp")
		cls.poi.activate(name="xdp")

	def test_1_counts(self):
		self.poi.send_exactly(VIRTIO, "xdp", name="xdp")
		port = self.poi.status()["ports"][0]
		self.assertEqual((port["driver"], port["queues"]), ("net_af_xdp", 2))
		self.poi.balanced()

	def test_2_link(self):
		self.machine.link(VIRTIO, False)
		self.poi.wait_status(lambda s: not s["ports"][0]["link_up"], "the link is down")
		self.wait_told("port net_af_xdp0: link down")
		self.machine.link(VIRTIO, True)
		self.poi.wait_status(lambda s: s["ports"][0]["link_up"], "the link is up")
		self.poi.send_exactly(VIRTIO, "xdpback", name="xdp")

	def test_3_the_interface_is_given_back(self):
		"""A restart finds no XDP program in the way, and none is left at the end."""
		self.machine.run("systemctl restart poi-dataplane", timeout=180)
		self.poi.ready()
		self.poi.wait_status(lambda s: s["ports"][0]["link_up"], "the link is up")
		self.poi.send_exactly(VIRTIO, "xdpagain", name="xdp")
		self.machine.run("systemctl stop poi-dataplane", timeout=120)
		self.assertNotIn("xdp", self.machine.out(f"ip link show dev {self.interface}"))
		self.machine.run("systemctl start poi-dataplane", timeout=180)
		self.poi.ready()

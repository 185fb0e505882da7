# Fresh Debians by debootstrap, for tests/package and tests/in-debian. Sourced; needs root and Debian's archive, as this
# machine's apt has it.
here=$(. /etc/os-release && echo "$VERSION_CODENAME")
# This machine's archive is used where it is of the same release.
mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' "Codename: $here" | head -1)
mirror=${mirror:-http://deb.debian.org/debian}

within() # a command in a Debian of its own, without this machine's environment
{
	local debian=$1
	shift
	chroot "$debian" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "$@"
}

fresh() # folder, release: a Debian in it, unless it is there, with its dev, proc and sys
{
	[ -x "$1/usr/bin/apt-get" ] || # what --keep has left
		debootstrap --variant=minbase "$2" "$1" "$mirror" || return
	if [ "$2" = "$here" ]; then
		rm -f "$1/etc/apt/sources.list"
		cp /etc/apt/sources.list "$1/etc/apt/" 2>/dev/null
		cp -r /etc/apt/sources.list.d "$1/etc/apt/" 2>/dev/null
	fi
	for file in /etc/apt/apt.conf.d/*; do # of this machine (a proxy), not of a package that may come in there too
		dpkg -S "$file" >/dev/null 2>&1 || cp "$file" "$1/etc/apt/apt.conf.d/"
	done
	[ -f /etc/resolv.conf ] && cp -L /etc/resolv.conf "$1/etc/resolv.conf"
	mount -t tmpfs dev "$1/dev" && mount -t proc proc "$1/proc" && mount --bind /sys "$1/sys" || return
	for device in null:1:3 zero:1:5 random:1:8 urandom:1:9 tty:5:0; do
		IFS=: read -r name major minor <<<"$device"
		mknod -m 666 "$1/dev/$name" c "$major" "$minor"
	done
	mkdir "$1/dev/shm"
}

# Unmounts what fresh() mounted in each folder. False, and said: something is still mounted.
unmounted()
{
	local debian place
	for debian; do
		for place in dev/hugepages dev/net dev proc sys; do
			if mountpoint -q "$debian/$place" && ! umount "$debian/$place"; then
				echo "# $debian/$place is still mounted: nothing is removed"
				return 1
			fi
		done
	done
}

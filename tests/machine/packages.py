"""Builds the Debian packages that the guest installs: of this tree, and of the release before."""

import fcntl
import glob
import hashlib
import os
import shutil
import subprocess

import image

TOP = image.TOP


def git(*arguments):
	done = subprocess.run(
		["git", "-C", TOP, *arguments], capture_output=True, text=True, check=False
	)
	return done.stdout.strip() if done.returncode == 0 else ""


def built(folder):
	"""Returns the packages in a folder, without those of debug symbols."""
	found = glob.glob(os.path.join(folder, "poi*_*.deb"))
	return sorted(path for path in found if "-dbgsym_" not in path)


def tree_hash():
	"""Returns a hash of every file that the packages are made of."""
	names = git("ls-files", "-co", "--exclude-standard").splitlines()
	digest = hashlib.sha256()
	for name in sorted(names):
		if name.startswith("tests/") and not name.startswith(("tests/lab/", "tests/meson.build")):
			continue
		if name.endswith(".md") and "/" not in name:
			continue  # pages for people
		path = os.path.join(TOP, name)
		if os.path.isfile(path):
			with open(path, "rb") as f:
				digest.update(f"{name} {os.stat(path).st_mode & 0o111}\n".encode() + f.read())
	return digest.hexdigest()[:12]


def make(folder, *arguments):
	"""Builds into `folder` unless it was done before; returns the packages."""
	if not built(folder):  # it gets its name when all of it is there
		os.makedirs(image.CACHE, exist_ok=True)
		with open(os.path.join(image.CACHE, "build.lock"), "w") as lock:
			fcntl.flock(lock, fcntl.LOCK_EX)
			if not built(folder):
				build(folder, *arguments)
	os.utime(folder)
	return built(folder)


def build(folder, *arguments):
	"""Builds into another folder and renames that; one path for all, so that ccache knows it again."""
	work = os.path.join(image.CACHE, "build")
	shutil.rmtree(work, ignore_errors=True)
	os.makedirs(work)
	command = [os.path.join(TOP, "tests", "build-packages"), work, *arguments]
	image.run(command, folder + ".log")
	shutil.rmtree(os.path.join(work, "poi"))
	shutil.rmtree(folder, ignore_errors=True)
	os.rename(work, folder)


def current():
	"""Returns (packages of this tree, hash of what they are made of)."""
	key = tree_hash()
	return make(os.path.join(image.CACHE, f"packages-{key}")), key


def version(commit=None):
	"""Returns the version in debian/changelog, of a commit or of the working tree."""
	if commit:
		text = git("show", f"{commit}:debian/changelog")
	else:
		with open(os.path.join(TOP, "debian", "changelog")) as f:
			text = f.read()
	return text.partition("(")[2].partition(")")[0]


def previous():
	"""Returns (packages, what they are) of the release before this one.

	That is the last commit whose changelog names another version. While there is none, it is the
	commit before the channel between the two programs last changed: the upgrade that asks most.
	"""
	now = version()
	for commit in git("log", "--format=%H", "--", "debian/changelog").splitlines():
		other = version(commit)
		if other and other != now:
			return _of(commit, other, f"release {other}")
	changes = git("log", "-G", "define CHANNEL_VERSION", "--format=%H", "--", "shared/channel.h")
	for commit in changes.splitlines():
		parent = git("rev-parse", f"{commit}^")
		if parent and version(parent):
			return _of(parent, f"{now}~before", "the last state with another channel version")
	parent = git("rev-parse", "HEAD^") or git("rev-parse", "HEAD")
	return _of(parent, f"{now}~before", "the commit before this one")


def _of(commit, name, what):
	folder = os.path.join(image.CACHE, f"previous-{commit[:12]}-{name}")
	subject = git("log", "-1", "--format=%h %s", commit)
	return make(folder, commit, name), f"{what}: {subject}"

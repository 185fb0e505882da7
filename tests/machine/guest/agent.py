"""Runs in the guest: takes requests from the host over a virtio port, one JSON object a line.

{"id": N, "run": COMMAND, "timeout": S}  runs a shell command
{"id": N, "python": CODE}                runs CODE in the lab, which lives as long as this process
"""

import ast
import json
import os
import subprocess
import sys
import threading
import time
import traceback

PORT = "/dev/virtio-ports/poi.agent"
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "tests", "lab"), os.path.join(HERE, "..", "tests", "system")]


class Agent:
	def __init__(self, port):
		self._port = port
		self._write = threading.Lock()
		self._lab = None
		self._lab_turn = threading.Lock()

	def say(self, message):
		octets = ("\n" + json.dumps(message, default=str) + "\n").encode()
		with self._write:
			while octets:
				octets = octets[os.write(self._port, octets) :]

	def run(self, request):
		child = subprocess.Popen(
			["/bin/bash", "-c", request["run"]],
			stdin=subprocess.DEVNULL,
			stdout=subprocess.PIPE,
			stderr=subprocess.PIPE,
			start_new_session=True,
		)
		try:
			out, err = child.communicate(timeout=request.get("timeout", 60))
		except subprocess.TimeoutExpired:
			os.killpg(child.pid, 9)
			out, err = child.communicate()
			err += b"\n(timed out)"
		return {
			"status": child.returncode,
			"out": out.decode(errors="replace"),
			"err": err.decode(errors="replace"),
		}

	def python(self, request):
		with self._lab_turn:
			if self._lab is None:
				import lab

				self._lab = lab.__dict__
		tree = ast.parse(request["python"])
		value = None
		if tree.body and isinstance(tree.body[-1], ast.Expr):
			last = ast.Expression(tree.body.pop().value)
			exec(compile(tree, "<host>", "exec"), self._lab)
			value = eval(compile(last, "<host>", "eval"), self._lab)
		else:
			exec(compile(tree, "<host>", "exec"), self._lab)
		return {"value": value}

	def answer(self, request):
		try:
			answer = self.run(request) if "run" in request else self.python(request)
		except BaseException:
			answer = {"error": traceback.format_exc()}
		self.say({"id": request["id"], **answer})

	def serve(self):
		with open("/proc/sys/kernel/random/boot_id") as f:
			self.say({"hello": f.read().strip()})
		pending = b""
		while True:
			piece = os.read(self._port, 65536)
			if not piece:  # the host's end is closed
				time.sleep(0.2)
				continue
			pending += piece
			*lines, pending = pending.split(b"\n")
			for line in lines:
				if line.strip():
					request = json.loads(line)
					threading.Thread(target=self.answer, args=(request,), daemon=True).start()


if __name__ == "__main__":
	Agent(os.open(PORT, os.O_RDWR)).serve()

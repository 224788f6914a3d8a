"""The ground the faults happen on: a stack of its own, a proxy before each server, and a minder that restarts the dead.

Used by run and faults.py. Invariants: nothing that was started outlives `close`; a part that dies is started again at
once, as a supervisor would, unless it is held down; who died without our doing is remembered.
"""
import ctypes
import json
import os
import pathlib
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from harness import ROOT, Stack, eventually

HERE = pathlib.Path(__file__).resolve().parent
PR_SET_CHILD_SUBREAPER = 36
AGAIN_S = 1.0  # a part that died right after its start waits for so long
KAFKA_JVM = {1: "-Xms256m -Xmx512m", 3: "-Xms128m -Xmx256m -XX:TieredStopAtLevel=1"}
POSTGRES_BYTES = 6 << 30


def free_ports(count):
    """Below the range that the kernel hands out; held until the last is found."""
    held = []
    try:
        for port in range(12000 + secrets.randbelow(18000), 32000):
            if len(held) == count:
                break
            listener = socket.socket()
            try:
                listener.bind(("127.0.0.1", port))
                held.append(listener)
            except OSError:
                listener.close()
        return [listener.getsockname()[1] for listener in held]
    finally:
        for listener in held:
            listener.close()


class Proxy:
    def __init__(self, log):
        self.process = subprocess.Popen([sys.executable, HERE / "proxy.py"], stdin=subprocess.PIPE, text=True,
                                        stdout=subprocess.PIPE, stderr=open(log, "w"))
        self.lock = threading.Lock()

    def tell(self, **order):
        with self.lock:
            self.process.stdin.write(json.dumps(order) + "\n")
            self.process.stdin.flush()
            assert self.process.stdout.readline() == "done\n", f"the proxy did not do {order}"

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()


class Ground:
    def __init__(self, build, brokers):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="zapora-fault."))
        self.dir.chmod(0o755)  # for PostgreSQL's user
        self.brokers = brokers
        self.links = ["postgres", "redis"] + (["kafka"] if brokers == 1 else [])
        self.script_env = {**os.environ, "ZAPORA_LOCAL_DIR": str(self.dir), "ZAPORA_BUILD_DIR": str(build),
                           "ZAPORA_MESON_ARGS": "--buildtype=release", "ZAPORA_WORKERS": "2", "ZAPORA_GATEWAYS": "2",
                           "ZAPORA_BROKERS": str(brokers), "ZAPORA_KAFKA_JVM_OPTIONS": KAFKA_JVM[brokers]}
        self.small_disk = self.mount_disk()
        self.held, self.killed, self.deaths = set(), set(), []
        self.started = {}
        self.known = {}
        self.minding = threading.Event()
        self.proxy = self.stack = self.minder = None

    # ---- a stack

    def mount_disk(self):
        """A file system of PostgreSQL's own, so that it can be made full. False where that is not allowed."""
        folder = self.dir / "postgres"
        folder.mkdir()
        run = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={POSTGRES_BYTES},mode=0755", "zapora-fault", folder],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        return run.returncode == 0

    def write_addresses(self):
        """The servers' ports and the proxy's, before the first up: it keeps what it finds."""
        ports = iter(free_ports(2 * self.brokers + 2 + len(self.links)))
        address = {"kafka": [f"127.0.0.1:{next(ports)}" for _ in range(self.brokers)],
                   "postgres": [f"127.0.0.1:{next(ports)}"], "redis": [f"127.0.0.1:{next(ports)}"]}
        password, admin = secrets.token_hex(16), secrets.token_hex(16)
        shape = {"kafka": "%s", "redis": "redis://%s/0", "postgres": f"postgresql://zapora:{password}@%s/zapora"}
        lines = {f"ZAPORA_{name.upper()}": shape[name] % ",".join(found) for name, found in address.items()}
        lines["ZAPORA_LOCAL_POSTGRES_ADMIN"] = f"postgresql://postgres:{admin}@{address['postgres'][0]}/postgres"
        lines["ZAPORA_LOCAL_KAFKA_CONTROLLER"] = ",".join(f"127.0.0.1:{next(ports)}" for _ in range(self.brokers))
        self.proxy = Proxy(self.dir / "proxy.log")
        for name in self.links:
            host, port = address[name][0].split(":")
            listen = next(ports)
            self.proxy.tell(link=name, listen=["127.0.0.1", listen], to=[host, int(port)])
            lines[f"ZAPORA_LOCAL_VIA_{name.upper()}"] = shape[name] % f"127.0.0.1:{listen}"
        self.dir.joinpath("env").write_text("".join(f"{key}='{value}'\n" for key, value in lines.items()))
        self.dir.joinpath("env").chmod(0o600)

    def up(self):
        # Who is started becomes our child when its script has ended, so that we hear how it died.
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self.write_addresses()
        up = subprocess.run([ROOT / "deploy/local/up"], env=self.script_env, stdout=subprocess.PIPE, text=True,
                            check=False)
        if up.returncode != 0:
            raise SystemExit(up.stdout)
        self.stack = Stack(self.dir / "env")
        # So that it is known when an order was committed, and not only when its transaction began.
        self.stack.sql("ALTER SYSTEM SET track_commit_timestamp = on", admin=True)
        self.minder = threading.Thread(target=self.mind, daemon=True)
        self.minder.start()
        self.kill("postgres")
        self.wait_whole(120)

    def close(self, keep_logs):
        self.minding.set()
        if self.minder:
            self.minder.join(30)
        if self.stack:
            for part in self.stack.parts:
                self.signal_family(part, signal.SIGCONT)
        subprocess.run([ROOT / "deploy/local/down"], env=self.script_env, stdout=subprocess.DEVNULL, check=False)
        if self.proxy:
            self.proxy.close()
        if self.small_disk:
            subprocess.run(["umount", "-l", self.dir / "postgres"], check=False)
        for entry in self.dir.iterdir():
            if keep_logs and (entry.name in ("logs", "proxy.log") or entry.suffix in (".jsonl", ".json")):
                continue
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        if not keep_logs:
            self.dir.rmdir()

    # ---- the minder

    def mind(self):
        while not self.minding.wait(0.05):
            for part in self.stack.parts:
                self.reap(part)
            dead = [part for part in self.stack.parts if part not in self.held and not self.stack.alive(part)
                    and time.monotonic() - self.started.get(part, 0) > AGAIN_S]
            for part in dead:
                self.started[part] = time.monotonic()
                subprocess.run([ROOT / "tests/stack/start", part], env=self.script_env, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, check=False)

    def reap(self, part):
        try:
            pid = self.known[part] = self.stack.pid(part)
        except (FileNotFoundError, ValueError):
            pid = self.known.get(part)
        if pid is None:
            return
        try:
            done, status = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            return
        if done == pid and pid not in self.killed:
            self.deaths.append({"part": part, "at": time.time(), "exit": os.waitstatus_to_exitcode(status)})

    def in_sync(self):
        """Whether each replica has what its leader has: until then another broker's loss is more than one of three."""
        words = ["kcat", "-L", "-J", "-m", "5", "-b", self.stack.env["ZAPORA_KAFKA"]]
        told = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False, text=True)
        return told.returncode == 0 and all(len(partition["isrs"]) == len(partition["replicas"])
                                            for topic in json.loads(told.stdout)["topics"]
                                            for partition in topic["partitions"])

    def wait_whole(self, limit_s):
        """Until every part runs, and serves by its own word."""
        def whole():
            return (all(self.stack.alive(part) for part in self.stack.parts)
                    and self.stack.sql("SELECT 1", admin=True) and self.stack.redis("PING") == "PONG"
                    and all(self.stack.ops(part).get("/readyz").status == 200
                            for part in self.stack.parts if part.startswith(("gateway", "worker")))
                    and (self.brokers == 1 or self.in_sync()))
        try:
            eventually(whole, limit_s, 0.1)
            return True
        except AssertionError:
            return False

    # ---- harm

    def family(self, part):
        """A server and its children: PostgreSQL's backends are what serves."""
        pid = self.stack.pid(part)
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]

    def signal_family(self, part, sig):
        try:
            for pid in self.family(part):
                os.kill(pid, sig)
        except (FileNotFoundError, ProcessLookupError):
            pass

    def kill(self, part):
        pid = self.stack.pid(part)
        self.killed.add(pid)
        self.started.pop(part, None)
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def freeze(self, part):
        self.signal_family(part, signal.SIGSTOP)

    def thaw(self, part):
        self.signal_family(part, signal.SIGCONT)

    def link(self, name, what, delay_s=0.0):
        self.proxy.tell(link=name, do=what, delay_s=delay_s)

    def resize_disk(self, size):
        if not self.try_resize_disk(size):
            raise RuntimeError(f"the disk under PostgreSQL cannot be made {size} bytes large")

    def fill_disk(self, spare):
        """Leaves about so many bytes. A size below what is used by then is refused: PostgreSQL may have written since."""
        for _ in range(50):
            if self.try_resize_disk(self.disk_used() + spare):
                return
        raise RuntimeError("the disk under PostgreSQL grows faster than it can be made small")

    def try_resize_disk(self, size):
        words = ["mount", "-o", f"remount,size={size}", self.dir / "postgres"]
        return subprocess.run(words, stderr=subprocess.DEVNULL).returncode == 0

    def disk_used(self):
        facts = os.statvfs(self.dir / "postgres")
        return (facts.f_blocks - facts.f_bfree) * facts.f_frsize

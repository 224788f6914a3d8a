"""What every bench of this folder stands on: a stack of its own, what its processes cost, and load on it.

Callers are the scripts beside this file. A Stack is made by deploy/local/up in a folder of its own and gone after
down(); a Bench knows how to make locations and orders there, and how to run the load generator (load.c) against a port.
"""
import collections, http.client, json, os, platform, random, re, shutil, signal, subprocess, sys, tempfile, time, uuid

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TICKS = os.sysconf("SC_CLK_TCK")
PARTITIONS = 8  # of each topic: as many as two cores need (README, "How fast")


def say(text):
    print(text, file=sys.stderr, flush=True)


def runs(pid):
    """Whether it has not ended: whoever adopted it may be slow to take notice."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


class Stack:
    """A stack made by deploy/local/up, in a folder of its own."""

    def __init__(self, keep, workers=2, gateways=1, partitions=PARTITIONS):
        self.keep = keep
        self.workers = [f"worker-{number}" for number in range(1, workers + 1)]
        self.gateways = [f"gateway-{number}" for number in range(1, gateways + 1)]
        self.dir = tempfile.mkdtemp(prefix="zapora-bench.")
        os.chmod(self.dir, 0o755)
        self.build = os.path.join(ROOT, "build-release")
        self.script_env = dict(os.environ, ZAPORA_LOCAL_DIR=self.dir, ZAPORA_BUILD_DIR=self.build,
                               ZAPORA_MESON_ARGS="--buildtype=release", ZAPORA_WORKERS=str(workers),
                               ZAPORA_GATEWAYS=str(gateways), ZAPORA_PARTITIONS=str(partitions))

    def up(self):
        subprocess.run([os.path.join(ROOT, "deploy/local/up")], env=self.script_env, check=True, stdout=sys.stderr)
        with open(os.path.join(self.dir, "env")) as file:
            self.env = dict(line.rstrip("\n").replace("'", "").split("=", 1) for line in file if "=" in line)
        subprocess.run(["ninja", "-C", self.build, "tests/bench/load"], check=True, stdout=subprocess.DEVNULL)
        self.run_env = dict(os.environ, **self.env)

    def down(self):
        subprocess.run([os.path.join(ROOT, "deploy/local/down")], env=self.script_env, stdout=sys.stderr)
        if not self.keep:
            shutil.rmtree(self.dir, ignore_errors=True)

    def stop_roles(self):
        """Zapora stops, its servers go on."""
        pids = [pid for name, pid in self.pids().items() if name in self.gateways + self.workers]
        for pid in pids:
            os.kill(pid, signal.SIGTERM)
        while any(runs(pid) for pid in pids):
            time.sleep(0.05)

    def restart(self):
        """Starts what does not run."""
        subprocess.run([os.path.join(ROOT, "deploy/local/up"), "--no-install", "--no-demo"], env=self.script_env,
                       check=True, stdout=subprocess.DEVNULL)

    def pids(self):
        return self.pids_of([*self.gateways, *self.workers, "kafka", "postgres", "redis"])

    def pids_of(self, names):
        result = {}
        for name in names:
            with open(os.path.join(self.dir, "run", name + ".pid")) as file:
                result[name] = int(file.read())
        return result

    def address(self, name):
        return self.env[name].split("//")[1]

    def empty_redis(self):
        """Redis loses everything, and its file is written anew: else whoever is measured next pays for what the last
        one left, a rewriting of gigabytes beside it. The workers fill it again with what they find in the tables."""
        host, port = self.address("ZAPORA_REDIS").split("/")[0].rsplit("@")[-1].rsplit(":", 1)

        def redis(*words):
            return subprocess.run(["redis-cli", "-h", host, "-p", port, *words], check=True, stdout=subprocess.PIPE,
                                  text=True).stdout

        def wait_for_file():
            began = time.time()
            while not re.search(r"aof_rewrite_in_progress:0\s+aof_rewrite_scheduled:0", redis("info", "persistence")):
                assert time.time() - began < 60, "Redis rewrites its file for ever"
                time.sleep(0.1)

        redis("flushall")
        wait_for_file()
        redis("bgrewriteaof")
        wait_for_file()


class Costs:
    """CPU seconds of each server, its children included (PostgreSQL forks)."""

    def __init__(self, pids):
        self.pids = pids

    @staticmethod
    def family(pid):
        try:
            with open(f"/proc/{pid}/task/{pid}/children") as file:
                return [pid] + [int(child) for child in file.read().split()]
        except FileNotFoundError:
            return [pid]

    @staticmethod
    def stat(pid):
        try:
            with open(f"/proc/{pid}/stat") as file:
                fields = file.read().rsplit(")", 1)[1].split()
            return (int(fields[11]) + int(fields[12])) / TICKS, (int(fields[13]) + int(fields[14])) / TICKS
        except FileNotFoundError:
            return 0.0, 0.0

    def cpu(self):
        result = {}
        for name, pid in self.pids.items():
            own, reaped = self.stat(pid)
            result[name] = own + reaped + sum(self.stat(child)[0] for child in self.family(pid)[1:])
        return result

    @staticmethod
    def peak(pid):
        try:
            with open(f"/proc/{pid}/status") as file:
                return next((int(line.split()[1]) for line in file if line.startswith("VmHWM")), 0) / 1024
        except FileNotFoundError:
            return 0

    def peak_mb(self, together=max):
        """Of the largest process of each server; with `sum` of all its processes, if they share nothing."""
        return {name: together(self.peak(member) for member in self.family(pid)) for name, pid in self.pids.items()}


class Bench:
    """Load on a stack's Zapora. A subclass that measures something else says how many orders were applied, and when
    all of them are."""

    PLACED = "202"  # the status of an order that was taken
    APPLIED = 'zapora_worker_commands_total{outcome="applied"}'

    def __init__(self, stack):
        self.stack = stack
        self.load = os.path.join(stack.build, "tests/bench/load")
        self.port = stack.address("ZAPORA_URL").rsplit(":", 1)[1]

    # ---- what the load is made of -----------------------------------------------------------------

    def call(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", int(self.port), timeout=30)
        connection.request(method, path, None if body is None else json.dumps(body), headers or {})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or "null")

    def log_in(self):
        status, answer = self.call("POST", "/auth/login", {"email": self.stack.env["ZAPORA_DEMO_CUSTOMER_EMAIL"],
                                                          "password": self.stack.env["ZAPORA_DEMO_CUSTOMER_PASSWORD"]},
                                   {"Content-Type": "application/json"})
        assert status == 200, (status, answer)
        with open(self.path("token"), "w") as file:
            file.write(answer["access_token"])

    def path(self, name):
        return os.path.join(self.stack.dir, name)

    def make_locations(self, count):
        """Each gets the demo restaurant's menu. The names are the same in every run."""
        random.seed(1)
        self.locations = [str(uuid.UUID(int=random.getrandbits(128), version=4)) for _ in range(count)]
        menu = os.path.join(ROOT, "deploy/local/demo/restaurant.json")
        for location in self.locations:
            subprocess.run([self.stack.env["ZAPORA_BIN"], "menu", "apply", menu, "--location", location, "--no-wait"],
                           env=self.stack.run_env, check=True, stdout=subprocess.DEVNULL)
        deadline = time.time() + 60
        for location in self.locations:
            while not self.has_menu(location):
                assert time.time() < deadline, f"location {location} did not appear"
                time.sleep(0.2)

    def has_menu(self, location):
        status, answer = self.call("GET", f"/menu-items?location_id={location}")
        return status == 200 and len(answer["items"]) > 0  # its settings come before its menu

    def make_bodies(self):
        """Orders of three and a half lines on average, with what each item's options demand."""
        menu = self.call("GET", f"/menu-items?location_id={self.locations[0]}")[1]["items"]
        items = [item for item in menu if item["available"]]
        with open(self.path("bodies"), "w") as file:
            for number in range(20000):
                lines = []
                for item in random.sample(items, random.choice([3, 4])):
                    options = [{"option_id": option["id"]} for group in item["option_groups"]
                               for option in [o for o in group["options"] if o["available"]][:group["min"]]]
                    lines.append({"item_id": item["id"], "quantity": random.choice([1, 1, 2]),
                                  **({"options": options} if options else {})})
                order = {"location_id": self.locations[number % len(self.locations)], "type": "pickup", "lines": lines,
                         "customer": {"name": "Bench", "phone": "555 0100"}}
                file.write(json.dumps(order, separators=(",", ":")) + "\n")

    # ---- measuring ------------------------------------------------------------------------------------

    def run_load(self, *arguments):
        self.log_in()
        output = subprocess.run([self.load, arguments[0], self.port, self.path("token"), *map(str, arguments[1:])],
                                check=True, stdout=subprocess.PIPE, text=True).stdout
        return json.loads(output)

    def worker_totals(self):
        totals = collections.Counter()
        for number in range(1, len(self.stack.workers) + 1):
            connection = http.client.HTTPConnection(self.stack.address(f"ZAPORA_WORKER_{number}_OPS_URL"), timeout=10)
            connection.request("GET", "/metrics")
            for line in connection.getresponse().read().decode().splitlines():
                if line.startswith("zapora_worker_commands_total") or line.startswith("zapora_worker_lag_records"):
                    name, value = line.rsplit(" ", 1)
                    totals[name] += int(float(value))
        return totals

    def applied(self):
        return self.worker_totals()[self.APPLIED]

    def pids(self):
        return self.stack.pids()

    def drain(self, at_least=0):
        """Waits until the workers stop applying and say that nothing waits. What the servers left to the kernel is
        written before the next phase begins: else it pays for the last one's pages, half a gigabyte at once, 30 s
        later."""
        began, last = time.time(), None
        while time.time() - began < 120:
            totals = self.worker_totals()
            if totals == last and totals["zapora_worker_lag_records"] == 0 and totals[self.APPLIED] >= at_least:
                drained = time.time() - began
                os.sync()
                return drained
            last = totals
            time.sleep(0.6)
        raise SystemExit("bench: the workers did not catch up within 120 s")

    def closed(self, seconds, clients=64):
        costs = Costs(self.pids())
        cpu_before, applied_before = costs.cpu(), self.applied()
        command = [self.load, "closed", self.port, self.path("token"), self.path("bodies"), str(seconds), str(clients)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        time.sleep(seconds * 0.2)
        first, first_at = self.applied(), time.time()
        time.sleep(seconds * 0.7)
        second, second_at = self.applied(), time.time()
        result = json.loads(process.communicate()[0])
        result["applied_per_second"] = (second - first) / (second_at - first_at)
        assert result["statuses"] == {self.PLACED: result["answered"]}, result["statuses"]
        result["drain_seconds"] = self.drain(applied_before + result["answered"])
        applied = self.applied() - applied_before
        result["applied"] = applied
        cpu = costs.cpu()
        result["cpu_seconds_per_10000"] = {name: (cpu[name] - cpu_before[name]) / applied * 10000 for name in cpu}
        result["cpu_seconds_per_10000"]["load"] = result["own_cpu_us_each"] / 100
        result["peak_mb"] = costs.peak_mb()
        assert applied >= result["answered"], (applied, result["answered"])
        return result

    def order_ids(self, count):
        ids = []
        with open(self.path("token")) as file:
            headers = {"Authorization": "Bearer " + file.read()}
        cursor = ""
        while len(ids) < count:
            status, page = self.call("GET", f"/orders?limit=100{cursor}", None, headers)
            assert status == 200, (status, page)
            ids += [order["id"] for order in page["orders"]]
            if page["next_cursor"] is None:
                break
            cursor = "&cursor=" + page["next_cursor"]
        with open(self.path("ids"), "w") as file:
            file.write("\n".join(ids) + "\n")


def machine():
    """What a table of figures has to be read with."""
    with open("/proc/cpuinfo") as file:
        cpu = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), "unknown")
    return {"cpu": cpu, "cores": os.cpu_count(), "kernel": platform.release(),
            "date": time.strftime("%Y-%m-%d", time.gmtime())}

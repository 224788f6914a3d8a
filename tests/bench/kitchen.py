"""A bench with a kitchen: besides the customer of the demo there is a member of staff of the first locations.

Callers are the benches whose orders are cooked, and whose boards are read.
"""
import os, subprocess, uuid

from stack import Bench, Costs

LOCATIONS_MAX = 20                 # of the member of staff: a token names each of them


def resident_mb(pids):
    """Memory as it is now, by name; of a server with several processes the largest."""
    result = {}
    for name, pid in pids.items():
        kib = [0]
        for member in Costs.family(pid):
            try:
                with open(f"/proc/{member}/status") as file:
                    kib += [int(line.split()[1]) for line in file if line.startswith("VmRSS")]
            except FileNotFoundError:
                pass
        result[name] = max(kib) / 1024
    return result


class KitchenBench(Bench):
    kitchen = None

    def make_staff(self):
        email, password = f"kitchen-{uuid.uuid4()}@example.com", str(uuid.uuid4())
        subprocess.run([self.stack.env["ZAPORA_BIN"], "user", "add", "--email", email, "--name", "Kitchen", "--role",
                        "kitchen", "--location", ",".join(self.locations[:LOCATIONS_MAX])], env=self.stack.run_env,
                       input=password, text=True, check=True, stdout=subprocess.DEVNULL)
        self.kitchen = {"email": email, "password": password}

    def log_in(self):
        super().log_in()
        if self.kitchen is None:
            return
        status, answer = self.call("POST", "/auth/login", self.kitchen, {"Content-Type": "application/json"})
        assert status == 200, (status, answer)
        with open(self.path("kitchen-token.new"), "w") as file:
            file.write(answer["access_token"])
        os.rename(self.path("kitchen-token.new"), self.path("kitchen-token"))

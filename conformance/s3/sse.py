#!/usr/bin/env python3
"""sse.py quick|full [CHECK...]: what a gateway promises about an S3 bucket, on MiniStack (quick) or SeaweedFS (full).

For each kind of server-side encryption: a volume is created, served, written and read over WebDAV, read again by a
second gateway; every object in the bucket reports the right encryption, and the proxy saw no multipart upload and no
write without the header. Then: a server that ignores the header is refused, a second gateway fences the first, and
answers that get lost or refused do no harm. Prints `pass NAME` or `FAIL NAME: why`."""
import base64
import hashlib
import json
import os
import signal
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import servers

HERE = os.path.dirname(os.path.abspath(__file__))
SEALGATE = os.environ["SEALGATE"]
BUCKET = "volumes"
MARKER = b"a marker that must not be found in any store 5b1e"
CUSTOMER_KEY = hashlib.sha256(b"the customer's key of the laboratory").digest()
EXIT_STORE = 12
failures = 0


def verdict(name, problem):
    """`problem` is falsy if all is well."""
    global failures
    if problem:
        failures += 1
        print("FAIL %s: %s" % (name, str(problem).replace("\n", " ")[:900]), flush=True)
    else:
        print("pass " + name, flush=True)
    return not problem


class Proxy:
    def __init__(self, server, directory, name, *options):
        port, = servers.free_ports(1)
        self.endpoint = "http://127.0.0.1:%d" % port
        self.log = os.path.join(directory, name + ".requests")
        open(self.log, "w").close()
        self.process = servers.Process(
            [sys.executable, HERE + "/strict_proxy.py", "--listen", str(port), "--upstream",
             server.endpoint.split("//")[1], "--log", self.log, *options], {}, directory, name)
        self.process.wait_until(lambda: servers.status_of(self.endpoint + "/"))

    def requests(self):
        with open(self.log) as log:
            return [json.loads(line) for line in log]

    def stop(self):
        self.process.stop()


class Gateway:
    """A `sealgate serve` with WebDAV and admin on free ports."""

    def __init__(self, lab, url, *options, env=None):
        self.log = os.path.join(lab.directory, "gateway-%d.log" % lab.count())
        self.output = self.log + ".out"
        with open(self.log, "wb") as log, open(self.output, "wb") as output:
            self.child = subprocess.Popen(
                [SEALGATE, "serve", url, "--secret-file", lab.secret_file, "--nfs", "127.0.0.1:0", "--webdav", "127.0.0.1:0",
                 "--admin", "127.0.0.1:0", *options], env={**lab.env, **(env or {})}, stdin=subprocess.DEVNULL,
                stdout=output, stderr=log, start_new_session=True)
        lab.gateways.append(self)

    def ready(self, seconds=60):
        """The addresses of the ready line, or None if the process ended or time is up."""
        end = time.time() + seconds
        while time.time() < end:
            with open(self.output) as output:
                for line in output:
                    if line.startswith("ready ") and line.endswith("\n"):
                        self.address = dict(word.split("=", 1) for word in line.split()[1:])
                        return self.address
            if self.child.poll() is not None:
                return None
            time.sleep(0.05)
        return None

    def request(self, method, name, data=None, service="webdav", timeout=60):
        """(status, body); the status of a broken connection is 0."""
        url = "http://%s/%s" % (self.address[service], name)
        try:
            with urllib.request.urlopen(urllib.request.Request(url, data=data, method=method), timeout=timeout) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except OSError as error:
            return 0, str(error).encode()

    def said(self):
        with open(self.log, errors="replace") as log:
            return log.read()

    def stop(self, seconds=60):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(seconds)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        return self.child.returncode

    def kill(self):
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()


class Lab:
    def __init__(self, server_class):
        self.directory = tempfile.mkdtemp(prefix="sealgate-s3.", dir=os.environ.get("SEALGATE_WORK"))
        self.gateways, self.proxies, self.counter, self.server = [], [], 0, None
        self.secret_file = os.path.join(self.directory, "secret")
        with open(os.open(self.secret_file, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
            file.write("a secret of the laboratory\n")
        self.server = server_class(self.directory)
        self.env = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "SEALGATE_SSE"))}
        self.env.update(AWS_ACCESS_KEY_ID=self.server.access, AWS_SECRET_ACCESS_KEY=self.server.secret)
        self.s3 = servers.client("s3", self.server.endpoint, self.server.access, self.server.secret)
        self.s3.create_bucket(Bucket=BUCKET)

    def count(self):
        self.counter += 1
        return self.counter

    def proxy(self, *options):
        proxy = Proxy(self.server, self.directory, "proxy-%d" % self.count(), *options)
        self.proxies.append(proxy)
        return proxy

    def url(self, proxy, prefix):
        return "s3://%s/%s?endpoint=%s&region=%s" % (BUCKET, prefix, proxy.endpoint, servers.REGION)

    def create(self, url, *options, env=None):
        return subprocess.run([SEALGATE, "volume", "create", url, "--secret-file", self.secret_file, *options],
                              env={**self.env, **(env or {})}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=120)

    def objects(self, prefix):
        keys, token = [], {}
        while True:
            page = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix, **token)
            keys += [item["Key"] for item in page.get("Contents", [])]
            if not page.get("IsTruncated"):
                return keys
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def close(self):
        for gateway in self.gateways:
            gateway.kill()
        for process in self.proxies + ([self.server] if self.server else []):
            process.stop()
        if os.environ.get("SEALGATE_KEEP"):
            print("note: kept " + self.directory)
        else:
            shutil.rmtree(self.directory, ignore_errors=True)


def contents():
    """Small files, a directory, and one file of several segments."""
    block = hashlib.sha256(b"seed").digest()
    big = bytearray()
    while len(big) < 20 << 20:
        block = hashlib.sha256(block).digest()
        big += block * 64
    files = {"small-%d.txt" % i: MARKER + b" %d" % i for i in range(20)}
    files["big.bin"] = bytes(big)
    return files


def write_all(gateway, files):
    for name, data in files.items():
        status, body = gateway.request("PUT", name, data)
        if status not in (200, 201, 204):
            return "PUT %s: %d %r" % (name, status, body[:200])
    return None


def read_all(gateway, files):
    for name, data in files.items():
        status, body = gateway.request("GET", name)
        if status != 200 or body != data:
            return "GET %s: status %d, %d bytes of %d" % (name, status, len(body), len(data))
    return None


def served(gateway):
    return None if gateway.ready() else "no ready line; exit %s: %s" % (gateway.child.poll(), gateway.said()[-500:])


def wrong_encryption(lab, prefix, mode):
    """What is wrong with the objects below `prefix`, after asking each of them."""
    keys = lab.objects(prefix)
    if len(keys) < 4:
        return "only %d objects" % len(keys)
    digest = base64.b64encode(hashlib.md5(CUSTOMER_KEY).digest()).decode()
    for key in keys:
        given = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": CUSTOMER_KEY} if mode == "customer" else {}
        head = lab.s3.head_object(Bucket=BUCKET, Key=key, **given)
        if mode == "s3":
            right = head.get("ServerSideEncryption") == "AES256"
        elif mode == "kms":
            right = head.get("ServerSideEncryption") == "aws:kms" and head.get("SSEKMSKeyId", "").endswith(
                lab.server.kms_key.split("/")[-1])
        else:
            # SeaweedFS sends this header twice.
            told = {part.strip() for part in head.get("SSECustomerKeyMD5", digest).split(",")}
            right = head.get("SSECustomerAlgorithm") == "AES256" and told == {digest}
        if not right:
            return "%s reports %s" % (key, {k: v for k, v in head.items() if k.startswith(("Server", "SSE"))})
    print("note: %s: %d objects asked" % (mode, len(keys)))
    return None


def wrong_requests(proxy, mode):
    seen = proxy.requests()
    multipart = sorted({r["op"] for r in seen if "Multipart" in r["op"] or r["op"] == "UploadPart"})
    if multipart:
        return "multipart uploads: %s" % multipart
    writes = [r for r in seen if r["op"] == "PutObject"]
    want = {"s3": lambda r: r["sse"] == "AES256", "kms": lambda r: r["sse"] == "aws:kms" and r["kms_key"],
            "customer": lambda r: r["customer"] == "AES256"}[mode]
    bad = [r for r in writes if not want(r)]
    if bad or not writes:
        return "%d of %d writes without the header, the first: %s" % (len(bad), len(writes), bad[:1])
    print("note: %s: %d requests, %d writes" % (mode, len(seen), len(writes)))
    return None


def found_in(directory, markers):
    for folder, _, names in os.walk(directory):
        for name in names:
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                data = file.read()
            for marker in markers:
                if marker in data or marker in path.encode():
                    return "%r is in %s" % (marker, path)
    return None


def check_mode(lab, mode):
    """One kind of server-side encryption from creation to a second gateway."""
    require = {"s3": "AES256", "kms": "aws:kms", "customer": "customer"}[mode]
    option = {"s3": "s3", "kms": "kms:" + lab.server.kms_key, "customer": "customer"}[mode]
    env = {"SEALGATE_SSE_CUSTOMER_KEY": base64.b64encode(CUSTOMER_KEY).decode()} if mode == "customer" else {}
    proxy = lab.proxy("--require-sse", require)
    url = lab.url(proxy, mode)
    # `--sse` alone means s3.
    made = lab.create(url, *(["--sse"] if mode == "s3" else ["--sse", option]), env=env)
    if not verdict(mode + "/create", made.returncode and "exit %d: %s" % (made.returncode, made.stderr)):
        return
    # Nobody says which mode: the gateway finds it in the header, which a customer key encrypts as well.
    gateway = Gateway(lab, url, env=env)
    if not verdict(mode + "/serve", served(gateway)):
        return
    files = contents()
    verdict(mode + "/write", write_all(gateway, files))
    verdict(mode + "/read", read_all(gateway, files))
    code = gateway.stop()
    verdict(mode + "/clean-stop", code and "exit %d: %s" % (code, gateway.said()[-500:]))
    second = Gateway(lab, url, env=env)
    if verdict(mode + "/serve-again", served(second)):
        verdict(mode + "/read-again", read_all(second, files))
        second.stop()
    verdict(mode + "/every-object-reports-it", wrong_encryption(lab, mode + "/", mode))
    verdict(mode + "/every-write-asks-for-it", wrong_requests(proxy, mode))
    if mode == "customer":
        stranger = Gateway(lab, url, env={"SEALGATE_SSE_CUSTOMER_KEY": base64.b64encode(bytes(32)).decode()})
        up = stranger.ready(60)
        verdict("customer/wrong-key-is-refused", up and "it serves" or stranger.child.returncode == 0 and "exit 0")
        stranger.kill()


def check_ignored(lab):
    """A server that takes the header and does nothing with it."""
    ignores = lab.proxy("--ignore-sse")
    made = lab.create(lab.url(ignores, "ignored"), "--sse", "s3")
    verdict("ignoring-server/create-exits-12", made.returncode != EXIT_STORE and "exit %d: %s" % (
        made.returncode, made.stderr))
    left = lab.objects("ignored/")
    verdict("ignoring-server/leaves-nothing", left and "left %s" % left)
    honest = lab.proxy()
    made = lab.create(lab.url(honest, "later"), "--sse", "s3")
    verdict("ignoring-server/honest-create", made.returncode and made.stderr)
    gateway = Gateway(lab, lab.url(ignores, "later"))
    up = gateway.ready(60)
    verdict("ignoring-server/serve-exits-12", (up and "it serves") or gateway.child.returncode != EXIT_STORE
            and "exit %s: %s" % (gateway.child.returncode, gateway.said()[-500:]))
    verdict("ignoring-server/says-why", "encryption" not in gateway.said() and gateway.said()[-500:])
    gateway.kill()


def check_fencing(lab):
    proxy = lab.proxy("--require-sse", "AES256")
    url = lab.url(proxy, "fence")
    made = lab.create(url, "--sse")
    if not verdict("fencing/create", made.returncode and made.stderr):
        return
    first = Gateway(lab, url)
    if not verdict("fencing/first-serves", served(first)):
        return
    verdict("fencing/first-writes", write_all(first, {"before": b"written by the first"}))
    second = Gateway(lab, url)
    if not verdict("fencing/second-serves", served(second)):
        return
    verdict("fencing/second-reads-it", read_all(second, {"before": b"written by the first"}))
    # The first may learn of it with its next write, which must then not be acknowledged.
    status, body = first.request("PUT", "after", b"never stored")
    verdict("fencing/first-refuses-writes", status < 500 and "PUT answered %d" % status)
    ready, why = first.request("GET", "readyz", service="admin")
    gone = first.child.poll() is not None
    verdict("fencing/first-is-not-ready", ready == 200 and "readyz answered 200: %r" % why[:200])
    told = (why.decode(errors="replace") + first.said()).lower()
    verdict("fencing/first-says-why", ("fenced" not in told and "another gateway" not in told) and told[-600:])
    verdict("fencing/second-goes-on", write_all(second, {"later": b"written by the second"}))
    status, _ = second.request("GET", "after")
    verdict("fencing/refused-write-is-nowhere", status != 404 and "GET answered %d" % status)
    code = first.stop()
    print("note: fencing: the first answered %d, was %s, ended with %s" % (ready, "gone" if gone else "up", code))
    verdict("fencing/second-stops-cleanly", second.stop() and second.said()[-500:])


def check_faults(lab):
    """One write in eight loses its answer, one request in twenty gets 503."""
    proxy = lab.proxy("--require-sse", "AES256", "--lose", "0.125", "--fail", "0.05")
    url = lab.url(proxy, "faults")
    made = lab.create(url, "--sse")
    if not verdict("faults/create", made.returncode and "exit %d: %s" % (made.returncode, made.stderr)):
        return
    gateway = Gateway(lab, url)
    if not verdict("faults/serve", served(gateway)):
        return
    files = {"f%d" % i: b"%d " % i * (i * 3000) for i in range(1, 25)}
    verdict("faults/write", write_all(gateway, files))
    gateway.kill()
    second = Gateway(lab, url)
    if verdict("faults/serve-after-kill", served(second)):
        verdict("faults/read", read_all(second, files))
        second.stop()
    seen = proxy.requests()
    lost = sum("LOST" in r["status"] for r in seen)
    print("note: faults: %d requests, %d answers lost, %d refused" % (
        len(seen), lost, sum(r["status"].startswith("503") for r in seen)))
    verdict("faults/some-were-lost", not lost and "the proxy lost nothing")


def main():
    # A time limit must end the servers too, each of which is a group of its own.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    full = sys.argv[1] == "full"
    checks = {mode: lambda lab, mode=mode: check_mode(lab, mode) for mode in ("s3", "kms", "customer")}
    checks.update({"ignoring-server": check_ignored, "fencing": check_fencing})
    if not full:
        checks["faults"] = check_faults
    lab = Lab(servers.SeaweedFs if full else servers.MiniStack)
    try:
        for name in sys.argv[2:] or checks:
            checks[name](lab)
        if lab.server.keeps_bytes:
            verdict("nothing-readable-at-rest", found_in(lab.server.data, [MARKER, b"small-1.txt", b"big.bin"]))
    finally:
        lab.close()
    sys.exit(1 if failures else 0)


main()

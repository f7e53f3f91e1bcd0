"""Throw-away S3 servers on loopback, each with a directory of its own."""
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

LAB = os.environ.get("SEALGATE_LAB") or os.path.expanduser("~/.cache/sealgate-lab")
REGION = "us-east-1"


def free_ports(count):
    """Ports that were free a moment ago; several at once, so that they differ."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def status_of(url):
    try:
        return urllib.request.urlopen(url, timeout=2).status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


def body_of(url):
    try:
        return urllib.request.urlopen(url, timeout=2).read().decode(errors="replace")
    except OSError:
        return ""


def client(service, endpoint, access, secret):
    import boto3
    from botocore.config import Config
    config = Config(retries={"max_attempts": 5}, connect_timeout=5, read_timeout=60,
                    request_checksum_calculation="when_required", response_checksum_validation="when_required")
    return boto3.client(service, endpoint_url=endpoint, region_name=REGION, config=config,
                        aws_access_key_id=access, aws_secret_access_key=secret)


class Process:
    """One program, ended by its own process group."""

    def __init__(self, command, env, directory, name):
        self.log = os.path.join(directory, name + ".log")
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(command, env={**os.environ, **env}, stdin=subprocess.DEVNULL, stdout=log,
                                          stderr=log, cwd=directory, start_new_session=True)

    def wait_until(self, ready, seconds=90):
        end = time.time() + seconds
        while time.time() < end:
            if self.child.poll() is not None:
                break
            if ready():
                return
            time.sleep(0.1)
        with open(self.log, errors="replace") as log:
            raise RuntimeError("%s does not start: %s" % (self.log, log.read()[-1500:]))

    def stop(self):
        if self.child.poll() is None:
            os.killpg(self.child.pid, signal.SIGTERM)
            try:
                self.child.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.child.pid, signal.SIGKILL)
                self.child.wait()


class MiniStack:
    """Checks signatures and policies; keeps what it is given as it is given."""

    name = "ministack"
    keeps_bytes = True

    def __init__(self, directory):
        port, = free_ports(1)
        self.endpoint = "http://127.0.0.1:%d" % port
        self.data = os.path.join(directory, "data")
        self.processes = [Process(
            [LAB + "/ministack/bin/python", "-m", "ministack"],
            {"AUTH": "true", "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "S3_PERSIST": "1",
             "S3_DATA_DIR": self.data, "LOG_LEVEL": "WARNING", "HOME": directory, "TMPDIR": directory},
            directory, "ministack")]
        self.processes[0].wait_until(lambda: status_of(self.endpoint + "/"))
        # Policies do not bind its root account: work as a user.
        iam = client("iam", self.endpoint, "test", "test")
        iam.create_user(UserName="gateway")
        iam.put_user_policy(UserName="gateway", PolicyName="all", PolicyDocument=json.dumps(
            {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}))
        key = iam.create_access_key(UserName="gateway")["AccessKey"]
        self.access, self.secret = key["AccessKeyId"], key["SecretAccessKey"]
        self.kms_key = client("kms", self.endpoint, "test", "test").create_key()["KeyMetadata"]["Arn"]

    def stop(self):
        for process in self.processes:
            process.stop()


class SeaweedFs:
    """A real store: encrypts at rest, with keys of a key service (MiniStack's) that outlives it."""

    name = "seaweedfs"
    keeps_bytes = False

    def __init__(self, directory):
        self.processes = []
        self.access, self.secret = "AKIALABORATORY000001", "not-a-secret-of-anybody-0000000000000001"
        kms, *others = free_ports(5)
        # Its gRPC ports are 10,000 above the others.
        port, master, volume, filer = (p if p < 55_000 else p - 20_000 for p in others)
        kms_endpoint = "http://127.0.0.1:%d" % kms
        self.processes.append(Process(
            [LAB + "/ministack/bin/python", "-m", "ministack"],
            {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(kms), "LOG_LEVEL": "WARNING", "HOME": directory,
             "TMPDIR": directory}, directory, "kms"))
        self.processes[0].wait_until(lambda: status_of(kms_endpoint + "/"))
        self.kms_key = client("kms", kms_endpoint, "test", "test").create_key()["KeyMetadata"]["Arn"]
        self.endpoint = "http://127.0.0.1:%d" % port
        self.data = os.path.join(directory, "data")
        os.makedirs(self.data)
        config = os.path.join(directory, "s3.json")
        with open(config, "w") as file:
            json.dump({
                "identities": [{"name": "gateway", "credentials": [{"accessKey": self.access, "secretKey": self.secret}],
                                "actions": ["Admin", "Read", "Write", "List", "Tagging"]}],
                "kms": {"default_provider": "aws", "providers": {"aws": {
                    "type": "aws", "cache_enabled": False, "region": REGION, "access_key": "test",
                    "secret_key": "test", "endpoint": kms_endpoint}}}}, file)
        # One storage file per bucket instead of seven; without an SSE key every encrypted PUT fails.
        self.processes.append(Process(
            [LAB + "/seaweedfs/bin/weed", "-logdir=" + directory, "server", "-dir=" + self.data, "-ip=127.0.0.1",
             "-ip.bind=127.0.0.1", "-master.port=%d" % master, "-volume.port=%d" % volume, "-filer.port=%d" % filer,
             "-master.volumeSizeLimitMB=256", "-volume.max=1000", "-filer", "-s3", "-s3.port=%d" % port,
             "-s3.config=" + config, "-s3.port.iceberg=0", "-s3.port.lance=0"],
            {"WEED_S3_SSE_KEY": "laboratory-only", "WEED_MASTER_VOLUME_GROWTH_COPY_1": "1", "HOME": directory},
            directory, "seaweedfs"))
        self.processes[1].wait_until(
            lambda: (status_of(self.endpoint + "/") or 500) < 500
            and "DataNodes" in body_of("http://127.0.0.1:%d/dir/status" % master), 120)

    def stop(self):
        for process in self.processes:
            process.stop()

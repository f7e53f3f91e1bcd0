#!/usr/bin/env python3
"""A proxy on loopback in front of an S3 test server: adds the refusals of AWS that test servers leave out, and faults.

One request per connection. Signatures stay valid, because Host is passed on as it came. Every request becomes one
JSON line in --log: operation, path, status, and the headers that matter (never a key).

  strict_proxy.py --listen PORT --upstream HOST:PORT --log FILE [OPTION...]
    --require-sse VALUE  403 for writes without x-amz-server-side-encryption: VALUE (AES256, aws:kms; customer for SSE-C)
    --ignore-sse         answers without the SSE headers, as a server does that knows nothing of them (the requests pass
                         as they are: they are signed)
    --fail P             503 SlowDown, with probability P
    --lose P             lets a write through and drops its answer, with probability P
Always: 400 InvalidArgument for x-amz-server-side-encryption on UploadPart, GET and HEAD, as AWS answers.
"""
import argparse
import asyncio
import json
import random
import urllib.parse

SSE = "x-amz-server-side-encryption"
KMS_KEY = SSE + "-aws-kms-key-id"
CUSTOMER = SSE + "-customer-algorithm"
SUBRESOURCES = {"tagging", "acl", "retention", "legal-hold", "policy", "uploads", "uploadId"}


def operation(method, path, query, headers):
    is_object = path.strip("/").count("/") >= 1
    if method == "PUT" and "uploadId" in query:
        return "UploadPart"
    if method == "POST" and "uploads" in query:
        return "CreateMultipartUpload"
    if method == "POST" and "uploadId" in query:
        return "CompleteMultipartUpload"
    if is_object and not set(query) & SUBRESOURCES:
        if method == "PUT":
            return "CopyObject" if "x-amz-copy-source" in headers else "PutObject"
        if method in ("GET", "HEAD", "DELETE"):
            return method.title() + "Object"
    return method


def refusal(options, op, headers):
    """None, or (status, code, message)."""
    if op in ("UploadPart", "GetObject", "HeadObject"):
        for name in (SSE, KMS_KEY):
            if name in headers:
                return 400, "InvalidArgument", name + " header is not supported for this operation."
    if options.require_sse and op in ("PutObject", "CreateMultipartUpload", "CopyObject"):
        kept = CUSTOMER in headers if options.require_sse == "customer" else headers.get(SSE) == options.require_sse
        if not kept:
            return 403, "AccessDenied", "a policy requires server-side encryption " + options.require_sse
    if options.fail and random.random() < options.fail:
        return 503, "SlowDown", "Please reduce your request rate."
    return None


async def read_head(reader):
    data = await reader.readuntil(b"\r\n\r\n")
    lines = data[:-4].decode("latin-1").split("\r\n")
    return lines[0], [tuple(part.strip() for part in line.split(":", 1)) for line in lines[1:] if ":" in line]


def render(first, headers):
    return ("\r\n".join([first] + ["%s: %s" % pair for pair in headers]) + "\r\n\r\n").encode("latin-1")


async def refuse(reader, writer, method, headers, why):
    status, code, message = why
    left = int(headers.get("content-length", 0))
    if "100-continue" not in headers.get("expect", ""):
        while left > 0:
            data = await reader.read(min(left, 1 << 20))
            if not data:
                break
            left -= len(data)
    body = ("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>%s</Code><Message>%s</Message></Error>" %
            (code, message)).encode()
    writer.write(render("HTTP/1.1 %d Refused" % status, [
        ("content-type", "application/xml"), ("content-length", len(body)), ("connection", "close")]))
    writer.write(b"" if method == "HEAD" else body)
    await writer.drain()


async def forward(options, reader, writer, first, pairs, op):
    """Passes one request on; returns its status."""
    host, port = options.upstream.rsplit(":", 1)
    up_reader, up_writer = await asyncio.open_connection(host, int(port))
    kept = [pair for pair in pairs if pair[0].lower() != "connection"]
    up_writer.write(render(first, kept + [("Connection", "close")]))

    async def pump():
        try:
            while data := await reader.read(1 << 16):
                up_writer.write(data)
                await up_writer.drain()
        except OSError:
            pass
    task = asyncio.create_task(pump())
    lose = options.lose and op in ("PutObject", "DeleteObject") and random.random() < options.lose
    try:
        while True:
            answer, answer_pairs = await read_head(up_reader)
            status = answer.split(" ")[1]
            if not status.startswith("1"):
                break
            writer.write(render(answer, answer_pairs))
            await writer.drain()
        if not lose:
            kept = [p for p in answer_pairs if p[0].lower() not in ("connection", "keep-alive")
                    and not (options.ignore_sse and p[0].lower().startswith(SSE))]
            writer.write(render(answer, kept + [("Connection", "close")]))
        left = next((int(v) for k, v in answer_pairs if k.lower() == "content-length"), None)
        if op == "HeadObject" or status in ("204", "304"):
            left = 0
        while left is None or left > 0:
            data = await up_reader.read(1 << 16 if left is None else min(left, 1 << 16))
            if not data:
                break
            left = left if left is None else left - len(data)
            if not lose:
                writer.write(data)
                await writer.drain()
        return status + (" LOST" if lose else "")
    finally:
        task.cancel()
        up_writer.close()


async def serve(options, log, reader, writer):
    status, line = None, {}
    try:
        first, pairs = await read_head(reader)
        method, target, _ = first.split(" ", 2)
        path, _, query_text = target.partition("?")
        query = dict(urllib.parse.parse_qsl(query_text, keep_blank_values=True))
        headers = {name.lower(): value for name, value in pairs}
        op = operation(method, path, query, headers)
        line = {"op": op, "path": path, "sse": headers.get(SSE), "kms_key": headers.get(KMS_KEY),
                "customer": headers.get(CUSTOMER)}
        why = refusal(options, op, headers)
        if why:
            status = "%d %s" % why[:2]
            await refuse(reader, writer, method, headers, why)
        else:
            status = await forward(options, reader, writer, first, pairs, op)
    except (asyncio.IncompleteReadError, OSError):
        pass
    finally:
        if status:
            log.write(json.dumps({**line, "status": status}) + "\n")
            log.flush()
        writer.close()


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--listen", type=int, required=True)
    parser.add_argument("--upstream", required=True)
    parser.add_argument("--log", required=True)
    parser.add_argument("--require-sse")
    parser.add_argument("--ignore-sse", action="store_true")
    parser.add_argument("--fail", type=float, default=0)
    parser.add_argument("--lose", type=float, default=0)
    options = parser.parse_args()
    with open(options.log, "a") as log:
        server = await asyncio.start_server(lambda r, w: serve(options, log, r, w), "127.0.0.1", options.listen,
                                            limit=1 << 20)
        async with server:
            await server.serve_forever()


asyncio.run(main())

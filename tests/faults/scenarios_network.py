"""Networks that drop and reset, one way and both; clocks that jump."""

import base64
import hashlib
import time
import xml.etree.ElementTree

import faults
from cluster import poll
from history import OK
from load import Mix
from preload import Clock
from runner import scenario

DAY = 86400


def _partition(run, hows):
    network = run.closing(faults.Network())
    cluster = run.start_cluster(network=network, mix=Mix(threads=4))
    run.start_load(2)
    for how in hows:
        number = run.rng.randint(1, 4)
        run.phase(how)
        begun = time.monotonic()
        network.cut(number, how)
        time.sleep(run.seconds(4, 60))
        network.mend()
        ended = time.monotonic()
        cluster.wait_healthy()
        time.sleep(0.3)
        cut = [op for op in run.history.snapshot() if begun <= op.start < ended]
        slowest = max(op.seconds for op in cut)
        run.measure(f"{how}: slowest s", slowest)
        run.expect_no_errors(begun, ended, f"{how}: one node")
        run.expect(slowest <= run.within(1), f"{how}: a request took {slowest:.1f} s")
        run.breaker_times(f"{how}: ", number, begun, ended)


@scenario(seconds=120)
def partition(run):
    """One node is cut off: all packets dropped, then each of its connections reset."""
    _partition(run, ("drop", "reset"))


@scenario(seconds=120)
def partition_one_way(run):
    """Only the packets to the node are lost, or only those from it (it does what it is told, and nobody hears)."""
    _partition(run, ("to", "from"))


@scenario(seconds=120)
def clock_steps(run):
    """The wall clocks of the gateway and of a node jump by a day, forth and back; names keep their order."""
    clocks = {name: Clock(run.directory, name) for name in ("gateway", "node2")}
    cluster = run.start_cluster(wrap={name: clock.words for name, clock in clocks.items()}, mix=Mix(threads=4))
    run.start_load(1)
    session = run.session()
    modified = []
    first = time.monotonic()
    for name, seconds in ((name, step) for name in ("node2", "gateway") for step in (DAY, -DAY, 0)):
        run.phase(f"{name} {seconds:+}")
        clocks[name].step(seconds)
        if name == "gateway":
            run.load.clock_offset = session.client.clock_offset = seconds
        time.sleep(run.seconds(1.5, 10))
        begun = time.monotonic()
        outcome = session.put("files/clock.bin", 1000)
        run.expect(outcome == OK, f"{name} {seconds:+} s: write {outcome} after {time.monotonic() - begun:.1f} s")
        answer = session.client.request("HEAD", "/files/clock.bin")
        modified.append(time.strptime(answer.headers.get("Last-Modified", ""), "%a, %d %b %Y %H:%M:%S GMT"))
        cluster.check_alive()
    run.expect_no_errors(first, time.monotonic(), "clocks that step")
    run.expect(modified == sorted(modified), "Last-Modified went back while versions were added")
    session.client.close()


@scenario(seconds=120)
def locked_until_all_clocks_agree(run):
    """The gateway's clock passes the end of a retention, while it runs and at a start: the version stays, since the nodes
    know better. When their clocks say so, too, it can go."""
    names = ["gateway", *(f"node{number}" for number in range(1, 5))]
    clocks = {name: Clock(run.directory, name) for name in names}
    cluster = run.start_cluster(wrap={name: clock.words for name, clock in clocks.items()}, mix=Mix(threads=2))
    run.start_load(1)
    run.load.stop()
    session = run.session()
    client = session.client
    answer = client.request("PUT", "/locked", headers={"x-amz-bucket-object-lock-enabled": "true"})
    run.expect(answer.status == 200, f"no bucket: {answer.status}")
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    lock = {"x-amz-object-lock-mode": "COMPLIANCE", "x-amz-object-lock-retain-until-date": until,
            "Content-MD5": base64.b64encode(hashlib.md5(b"kept").digest()).decode()}
    version = {"versionId": client.request("PUT", "/locked/k", body=b"kept", headers=lock).headers["x-amz-version-id"]}

    def expect_kept(why):
        refused = client.request("DELETE", "/locked/k", version)
        run.expect(refused.status == 403, f"{why}: it was removed: {refused.status}")
        run.expect(client.request("GET", "/locked/k", version).body == b"kept", f"{why}: it is lost")
        return refused.body

    expect_kept("before its end")
    run.phase("gateway ahead")
    clocks["gateway"].step(DAY)
    client.clock_offset = DAY
    run.expect(b"by this gateway's clock" in expect_kept("a clock that jumps"), "the answer does not say why")
    run.phase("restarted ahead")
    cluster.gateway.kill()
    client.close()
    cluster.restart_gateway()
    cluster.wait_healthy()
    run.expect(b"by this gateway's clock" in expect_kept("a clock that is ahead"), "the answer does not say why")
    run.phase("all agree")
    for clock in clocks.values():
        clock.step(DAY)
    poll(lambda: client.request("DELETE", "/locked/k", version).status == 204, "it goes at its end", 60)
    client.close()
    cluster.gateway.kill()
    for clock in clocks.values():
        clock.step(0)
    cluster.restart_gateway()


def _begin_upload(run, session, key):
    """An upload with one part, which waits to be completed: what is needed for that."""
    path = session.path(key)
    answer = session.client.request("POST", path, {"uploads": ""})
    run.expect(answer.status == 200, f"an upload cannot be begun: {answer.status}")
    upload = xml.etree.ElementTree.fromstring(answer.body).findtext("{*}UploadId")
    part = session.client.request("PUT", path, {"partNumber": 1, "uploadId": upload}, b"part")
    body = f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{part.etag}</ETag></Part></CompleteMultipartUpload>"
    return path, {"uploadId": upload}, body.encode()


@scenario(seconds=120)
def clock_ahead_at_start(run):
    """The gateway starts with a clock that is eight days ahead: uploads that are open are no older for that. One that is
    really old expires all the same, by the nodes' clocks."""
    clock = Clock(run.directory, "gateway")
    cluster = run.start_cluster(options={"-upload-expiry": "20s"}, wrap={"gateway": clock.words}, mix=Mix(threads=2))
    run.start_load(1)
    run.load.stop()
    session = run.session()
    kept, forgotten = (_begin_upload(run, session, f"s3/upload-{name}") for name in ("kept", "forgotten"))
    run.phase("ahead")
    cluster.gateway.kill()
    session.client.close()
    clock.step(8 * DAY)
    run.load.clock_offset = session.client.clock_offset = 8 * DAY
    cluster.restart_gateway()
    cluster.wait_healthy()
    run.load.start()
    time.sleep(5)  # two rounds of expiry
    run.expect(cluster.metric("tercet_uploads_expired_total") == 0, "an upload was aborted because of the clock")
    path, query, body = kept
    answer = session.client.request("POST", path, query, body)
    run.expect(answer.status == 200, f"an upload cannot be completed: {answer.status} {answer.body[:200]}")
    poll(lambda: cluster.metric("tercet_uploads_expired_total") == 1, "the other upload expires", 60)
    answer = session.client.request("POST", *forgotten)
    run.expect(answer.status == 404, f"an expired upload is still there: {answer.status}")
    session.client.close()
    run.load.stop()
    cluster.gateway.kill()
    clock.step(0)
    run.load.clock_offset = 0
    cluster.restart_gateway()

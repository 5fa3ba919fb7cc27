#!/bin/sh
# Mosquitto 2.0.11 (Debian 12), QoS 1, MQTT 5: a consumer with a lasting session is away, and 1,500 messages are published for it.
# Each one is acknowledged, with the reason code "Success"; when the consumer is back it gets 1,000. The others were dropped
# as they came (max_queued_messages), which only a line of the broker's log says, although MQTT 5 has "Quota exceeded"
# for a PUBACK. And one that the access list forbids is acknowledged too when it comes by MQTT 3.1.1, which has no
# reason codes. A PUBACK is therefore no sign that anybody will get the message.
set -eu
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
broker=/usr/sbin/mosquitto
[ -x "$broker" ] || cannot "needs mosquitto, as Debian 12 has it"
"$broker" -h | grep -q 'version 2\.0\.11' || cannot "needs mosquitto 2.0.11"
python_with paho-mqtt==2.1.0

cat >"$work/finding.py" <<'END'
import socket, subprocess, sys, threading, time
import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

folder = sys.argv[1]
with socket.create_server(("127.0.0.1", 0)) as probe:
    port = probe.getsockname()[1]
with open(f"{folder}/acl", "w") as file:
    file.write("topic readwrite events\n")
with open(f"{folder}/conf", "w") as file:
    file.write(f"listener {port} 127.0.0.1\nallow_anonymous true\nacl_file {folder}/acl\nlog_dest file {folder}/log\nuser root\n")
process = subprocess.Popen([sys.argv[2], "-c", f"{folder}/conf"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
for _ in range(100):
    try:
        socket.create_connection(("127.0.0.1", port)).close()
        break
    except OSError:
        time.sleep(0.1)

def client(name, version, lasting=False):
    properties = None
    made = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=name, protocol=version)
    arguments = {}
    if lasting:
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = 3600
        arguments = {"clean_start": False, "properties": properties}
    there = threading.Event()
    made.on_connect = lambda *_: there.set()
    made.connect("127.0.0.1", port, **arguments)
    made.loop_start()
    there.wait(10)
    return made

def publish(version, topic, count):
    codes, ended = {}, threading.Event()
    made = client("", version)
    def answered(client, data, mid, code, properties):
        codes[str(code)] = codes.get(str(code), 0) + 1
        if sum(codes.values()) == count:
            ended.set()
    made.on_publish = answered
    for number in range(count):
        made.publish(topic, str(number), 1)
    ended.wait(30)
    made.disconnect()
    made.loop_stop()
    return ", ".join(f"{code}: {times}" for code, times in codes.items())

consumer = client("consumer", mqtt.MQTTv5, lasting=True)
subscribed = threading.Event()
consumer.on_subscribe = lambda *_: subscribed.set()
consumer.subscribe("events", 1)
subscribed.wait(10)
consumer.disconnect()
consumer.loop_stop()
print("acknowledged by MQTT 5:", publish(mqtt.MQTTv5, "events", 1500))
got = []
consumer.on_message = lambda client, data, message: got.append(message)
properties = Properties(PacketTypes.CONNECT)
properties.SessionExpiryInterval = 3600
consumer.connect("127.0.0.1", port, clean_start=False, properties=properties)
consumer.loop_start()
before = -1
while len(got) != before:
    before = len(got)
    time.sleep(2)
consumer.loop_stop()
print("received:", len(got))
print("forbidden, by MQTT 5:", publish(mqtt.MQTTv5, "forbidden", 1))
print("forbidden, by MQTT 3.1.1:", publish(mqtt.MQTTv311, "forbidden", 1))
process.terminate()
process.wait()
END
still "$("$python" "$work/finding.py" "$work" "$broker")" "acknowledged by MQTT 5: Success: 1500
received: 1000
forbidden, by MQTT 5: Not authorized: 1
forbidden, by MQTT 3.1.1: Success: 1"

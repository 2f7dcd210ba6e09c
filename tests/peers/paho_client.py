"""Eclipse Paho's Python client, in both versions, over TCP and WebSocket."""

import itertools, json, os, queue, unittest, urllib.request

from paho.mqtt.client import CallbackAPIVersion, Client, MQTTv5, MQTTv311
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

HTTP, MQTT = int(os.environ["PARLOR_HTTP"]), int(os.environ["PARLOR_MQTT"])
PATIENCE = 20
numbers = itertools.count()


def room():
    """A room that stays when nobody is in it."""
    wish = json.dumps({"title": "peers", "max": 10, "keep": True}).encode()
    headers = {"content-type": "application/json", "accept": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{HTTP}/room", wish, headers)
    return json.load(urllib.request.urlopen(request))["id"]


class Peer:
    """One connection of a client id; what happens to it is waited for."""

    def __init__(self, version, transport, client_id=None, lasting=False, will=None):
        self.events, self.messages = queue.Queue(), queue.Queue()
        modern = version == MQTTv5
        clean = {} if modern else {"clean_session": not lasting}
        self.client_id = client_id or f"paho-{next(numbers)}"
        self.client = client = Client(
            CallbackAPIVersion.VERSION2, self.client_id, protocol=version, transport=transport, **clean
        )
        client.on_connect = lambda _c, _u, flags, code, _p: self.events.put(("connect", code, flags))
        client.on_subscribe = lambda _c, _u, _id, codes, _p: self.events.put(("subscribe", codes))
        client.on_message = lambda _c, _u, message: self.messages.put(message)
        if will:
            client.will_set(*will, qos=1)
        options = {}
        if modern:
            properties = Properties(PacketTypes.CONNECT)
            properties.SessionExpiryInterval = 600 if lasting else 0
            options = {"clean_start": not lasting, "properties": properties}
        if transport == "websockets":
            client.ws_set_options(path="/mqtt")
        client.connect("127.0.0.1", MQTT if transport == "tcp" else HTTP, 30, **options)
        client.loop_start()
        _, code, flags = self.events.get(timeout=PATIENCE)
        assert not code.is_failure, code
        self.resumed = flags.session_present

    def subscribe(self, topic, qos):
        self.client.subscribe(topic, qos)
        _, codes = self.events.get(timeout=PATIENCE)
        assert not codes[0].is_failure, codes
        return self

    def publish(self, topic, payload, qos, retain=False):
        sent = self.client.publish(topic, payload, qos, retain)
        sent.wait_for_publish(PATIENCE)
        assert sent.is_published()

    def message(self):
        return self.messages.get(timeout=PATIENCE)

    def said(self, text):
        """The event of a room that says so."""
        while (event := json.loads(self.message().payload)).get("chat") != text:
            pass
        return event

    def leave(self):
        self.client.disconnect()
        self.client.loop_stop()

    def die(self):
        self.client.loop_stop()
        self.client.socket().close()


class Journeys:
    def peer(self, **options):
        peer = Peer(self.version, self.transport, **options)
        self.addCleanup(peer.leave)
        return peer

    def test_an_open_topic_carries_every_qos(self):
        topic = f"open/{next(numbers)}"
        reader, writer = self.peer().subscribe(topic, 2), self.peer()
        for qos in range(3):
            writer.publish(topic, f"at {qos}", qos)
            message = reader.message()
            self.assertEqual((message.payload, message.qos), (f"at {qos}".encode(), qos))
            self.assertFalse(message.retain)

    def test_a_room_hears_what_is_said_at_every_qos(self):
        topic = f"chat/{room()}"
        reader, writer = self.peer().subscribe(topic, 2), self.peer()
        for qos in range(3):
            writer.publish(topic, f"at {qos}", qos)
            self.assertEqual(reader.said(f"at {qos}")["type"], "chat")

    def test_a_retained_message_waits_until_it_is_removed(self):
        topic, writer = f"open/{next(numbers)}", self.peer()
        writer.publish(topic, "kept", 1, retain=True)
        message = self.peer().subscribe(topic, 1).message()
        self.assertEqual((message.payload, message.retain), (b"kept", True))
        writer.publish(topic, "", 1, retain=True)
        late = self.peer().subscribe(topic, 1)
        writer.publish(topic, "new", 1)
        self.assertEqual(late.message().payload, b"new")

    def test_a_will_is_given_out_when_its_author_dies(self):
        topic = f"open/{next(numbers)}"
        heir = self.peer().subscribe(topic, 1)
        Peer(self.version, self.transport, will=(topic, "farewell")).die()
        self.assertEqual(heir.message().payload, b"farewell")

    def test_a_session_goes_on_where_it_was(self):
        topic, writer = f"open/{next(numbers)}", self.peer()
        first = Peer(self.version, self.transport, lasting=True).subscribe(topic, 2)
        self.assertFalse(first.resumed)
        first.leave()
        for qos in (1, 2):
            writer.publish(topic, f"at {qos}", qos)
        back = self.peer(client_id=first.client_id, lasting=True)
        self.assertTrue(back.resumed)
        self.assertEqual([back.message().payload for _ in (1, 2)], [b"at 1", b"at 2"])


def journeys(version, transport):
    return type("", (Journeys, unittest.TestCase), {"version": version, "transport": transport})


class Mqtt311OverTcp(journeys(MQTTv311, "tcp")):
    pass


class Mqtt5OverTcp(journeys(MQTTv5, "tcp")):
    pass


class Mqtt311OverWebSocket(journeys(MQTTv311, "websockets")):
    pass


class Mqtt5OverWebSocket(journeys(MQTTv5, "websockets")):
    pass

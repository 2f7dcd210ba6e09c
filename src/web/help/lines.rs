//! The lines themselves, as a shell takes them. Addresses and ids are plain (`site.rs` and `RoomId`
//! see to that), so nothing needs quoting but what is quoted.

/// MQTT's own port needs no mention.
const MQTT_PORT: u16 = 1883;

/// Where the server is, as its clients see it.
pub struct At {
    /// With the path that Parlor is mounted under, and no slash at the end.
    pub http: String,
    pub ws: String,
    pub host: String,
    pub mqtt_port: Option<u16>,
}

impl At {
    pub fn rooms(&self) -> String {
        format!("curl -s -H 'accept: application/json' {}/", self.http)
    }

    pub fn create(&self) -> String {
        let fields = "--data-urlencode 'title=Build log' -d max=20";
        format!("curl -s -H 'accept: application/json' {fields} {}/room", self.http)
    }

    /// `tool` is `pub` or `sub`; `rest` begins with a space.
    pub fn mosquitto(&self, tool: &str, rest: &str) -> String {
        let port = self.mqtt_port.filter(|port| *port != MQTT_PORT);
        let port = port.map_or(String::new(), |port| format!(" -p {port}"));
        format!("mosquitto_{tool} -h {}{port}{rest}", self.host)
    }
}

/// The way into one room.
pub struct Door<'a> {
    pub at: &'a At,
    pub room: &'a str,
    pub locked: bool,
}

impl Door<'_> {
    fn if_locked(&self, text: &str) -> String {
        if self.locked { text.replace("{room}", self.room) } else { String::new() }
    }

    /// Asks for the password, so that it stands neither on a page nor in a shell's history.
    pub fn password(&self) -> String {
        "read -rs PASSWORD && export PASSWORD".to_owned()
    }

    pub fn enter(&self) -> String {
        let Self { at, room, .. } = self;
        let fields = "--data-urlencode \"password=$PASSWORD\"";
        format!("curl -c parlor.cookies {fields} {}/room/{room}/enter", at.http)
    }

    pub fn curl(&self, options: &str, part: &str) -> String {
        let cookies = self.if_locked("-b parlor.cookies ");
        format!("curl {cookies}{options} {}/room/{}{part}", self.at.http, self.room)
    }

    pub fn mosquitto(&self, tool: &str, rest: &str) -> String {
        let password = self.if_locked(" -u room:{room} -P \"$PASSWORD\"");
        self.at.mosquitto(tool, &format!("{password} -t chat/{}{rest}", self.room))
    }

    /// Over WebSocket: where the pages come through, this does.
    pub fn node(&self) -> String {
        let (Self { room, .. }, ws) = (self, &self.at.ws);
        let login =
            self.if_locked(", {\n  username: 'room:{room}',\n  password: process.env.PASSWORD,\n}");
        format!(
            "npm install mqtt\n\
             cat > room.mjs <<'END'\n\
             import mqtt from 'mqtt';\n\
             const client = await mqtt.connectAsync('{ws}/mqtt'{login});\n\
             client.on('message', (topic, payload) => console.log(payload.toString()));\n\
             await client.subscribeAsync('chat/{room}');\n\
             await client.publishAsync('chat/{room}', 'hello from Node', {{ qos: 1 }});\n\
             END\n\
             node room.mjs"
        )
    }

    pub fn python(&self) -> String {
        let Self { at, room, .. } = self;
        let (host, port) = (&at.host, at.mqtt_port.unwrap_or(MQTT_PORT));
        let login =
            self.if_locked("client.username_pw_set('room:{room}', os.environ['PASSWORD'])\n");
        let import = self.if_locked("import os\n");
        format!(
            "pip install paho-mqtt\n\
             cat > room.py <<'END'\n\
             {import}import paho.mqtt.client as mqtt\n\
             \n\
             def joined(client, *_):\n    \
                 client.subscribe('chat/{room}', qos=1)\n    \
                 client.publish('chat/{room}', 'hello from Python', qos=1)\n\
             \n\
             client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)\n\
             {login}client.on_connect = joined\n\
             client.on_message = lambda client, data, message: print(message.payload.decode())\n\
             client.connect('{host}', {port})\n\
             client.loop_forever()\n\
             END\n\
             python3 -u room.py"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(port: u16) -> At {
        At {
            http: "https://chat.example/parlor".into(),
            ws: "wss://chat.example/parlor".into(),
            host: "chat.example".into(),
            mqtt_port: Some(port),
        }
    }

    #[test]
    fn an_open_room_needs_no_password_and_the_usual_port_no_mention() {
        let at = at(1883);
        let door = Door { at: &at, room: "0123456789ab", locked: false };
        assert_eq!(
            door.curl("-d hello", "/chat"),
            "curl -d hello https://chat.example/parlor/room/0123456789ab/chat"
        );
        assert_eq!(
            door.mosquitto("pub", " -m hello"),
            "mosquitto_pub -h chat.example -t chat/0123456789ab -m hello"
        );
        for line in [door.node(), door.python()] {
            assert!(!line.contains("PASSWORD"), "{line}");
        }
    }

    #[test]
    fn a_locked_room_gets_the_password_from_the_shell() {
        let at = at(2883);
        let door = Door { at: &at, room: "0123456789ab", locked: true };
        assert_eq!(
            door.mosquitto("sub", ""),
            "mosquitto_sub -h chat.example -p 2883 -u room:0123456789ab -P \"$PASSWORD\" \
             -t chat/0123456789ab"
        );
        for line in [door.node(), door.python(), door.enter()] {
            assert!(line.contains("PASSWORD"), "{line}");
        }
        assert!(door.curl("-N", "/events").contains("-b parlor.cookies -N"));
    }
}

"""Clients that others have written, against Parlor: run.py PARLOR. Starts a server, tells where it
listens in PARLOR_HTTP and PARLOR_MQTT, and runs the journeys of each client with it."""

import os, pathlib, re, subprocess, sys, tempfile

HERE = pathlib.Path(__file__).parent
SETTINGS = {
    "server.listen": "127.0.0.1:0",
    "mqtt.listen": "127.0.0.1:0",
    "topics.open": "open/#",
    "log.level": "warn",
}
JOURNEYS = [
    [sys.executable, "-W", "ignore", "-m", "unittest", "-v", str(HERE / "paho_client.py")],
    ["node", "--test", "--test-reporter=spec", str(HERE / "mqttjs.test.js")],
]


def main(parlor):
    with tempfile.TemporaryDirectory(prefix="parlor-peers-") as folder:
        data = {"server.data_dir": f"{folder}/data", "uploads.dir": f"{folder}/uploads"}
        settings = SETTINGS | data
        flags = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
        server = subprocess.Popen([parlor, *flags], stdout=subprocess.PIPE, text=True)
        try:
            line = server.stdout.readline()
            ports = {f"PARLOR_{name.upper()}": port for name, port in re.findall(r"(\w+)=\S+:(\d+)", line)}
            codes = [subprocess.run(journey, env=os.environ | ports).returncode for journey in JOURNEYS]
        finally:
            server.terminate()
            server.wait()
    return max(codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

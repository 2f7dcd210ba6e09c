"""Runs the Paho interoperability suite against Parlor: run.py PARLOR SUITE_FOLDER.

Each combination of version and transport has a server of its own, since the suite's client ids are
fixed; they run side by side. Prints a table; ends with 1 when any test failed.
"""

import asyncio, json, os, pathlib, re, sys, tempfile

import websocket

HERE = pathlib.Path(__file__).parent
SUITES = {"3.1.1": ("client_test.py", 10), "5": ("client_test5.py", 27)}
TRANSPORTS = ("tcp", "websocket")
# What single tests ask of a broker; docs/conformance.md tells which.
SETTINGS = {
    "server.listen": "127.0.0.1:0",
    "mqtt.listen": "127.0.0.1:0",
    "mqtt.keep_alive_s": "60",
    "limits.packet": "60000",
    "limits.publish_per_s": "0",
    "topics.open": "#",
    "topics.closed": "test/nosubscribe",
    "log.level": "warn",
}
PATIENCE = 400


async def main(parlor, folder):
    cells = [(version, transport) for version in SUITES for transport in TRANSPORTS]
    reports = await asyncio.gather(*(one_run(parlor, folder, *cell) for cell in cells))
    results = dict(zip(cells, reports))
    return all([table(version, results) for version in SUITES])


async def one_run(parlor, folder, version, transport):
    """The rows that suite.py printed, by test."""
    with tempfile.TemporaryDirectory(prefix="parlor-conformance-") as data:
        server, ports = await start(parlor, pathlib.Path(data))
        try:
            port = ports["mqtt"]
            if transport == "websocket":
                listener, port = await websocket.serve("127.0.0.1", ports["http"])
            return await run_suite(pathlib.Path(folder, SUITES[version][0]), port)
        finally:
            server.terminate()
            await server.wait()


async def start(parlor, data):
    settings = SETTINGS | {"server.data_dir": str(data), "uploads.dir": str(data / "uploads")}
    flags = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    server = await asyncio.create_subprocess_exec(parlor, *flags, stdout=asyncio.subprocess.PIPE)
    line = (await asyncio.wait_for(server.stdout.readline(), 30)).decode()
    if not line.startswith("listening"):
        raise SystemExit("Parlor did not start")
    return server, {name: int(port) for name, port in re.findall(r"(\w+)=\S+:(\d+)", line)}


async def run_suite(file, port):
    suite = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "ignore", HERE / "suite.py", file, str(port),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    rows = {}
    try:
        async with asyncio.timeout(PATIENCE):
            async for line in suite.stdout:
                row = json.loads(line)
                rows[row["name"]] = row
    except TimeoutError:
        print(f"{file.name} did not end within {PATIENCE} s", file=sys.stderr)
        suite.kill()
    await suite.wait()
    return rows


def table(version, results):
    """Prints the results of one version. Whether everything passed."""
    columns = [results[version, transport] for transport in TRANSPORTS]
    expected = SUITES[version][1]
    names = sorted(set().union(*columns))
    width = max(map(len, names), default=0)
    print(f"\nMQTT {version:<{width}}" + "".join(f"{transport:>12}" for transport in TRANSPORTS))
    faults = []
    for name in names:
        rows = [column.get(name, {"fault": "not run"}) for column in columns]
        words = ["failed" if row["fault"] else "passed" for row in rows]
        print(f"{name:<{width + 5}}" + "".join(f"{word:>12}" for word in words))
        faults += [(name, on, row["fault"]) for on, row in zip(TRANSPORTS, rows) if row["fault"]]
    passed = [sum(not row["fault"] for row in column.values()) for column in columns]
    print(f"{'passed':<{width + 5}}" + "".join(f"{f'{count} of {expected}':>12}" for count in passed))
    for name, on, fault in faults:
        print(f"\n{name} over {on}:\n{fault}")
    return all(count == expected for count in passed)


if __name__ == "__main__":
    sys.exit(0 if asyncio.run(main(*sys.argv[1:3])) else 1)

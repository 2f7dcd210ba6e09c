"""Runs one file of the Paho suite against a port: suite.py FILE PORT.

Prints a line of JSON for each of its tests. The suite's own words go to standard error.
"""

import contextlib, json, os, runpy, sys, time, unittest

file, port = os.path.abspath(sys.argv[1]), sys.argv[2]


class Rows(unittest.TestResult):
    def startTest(self, test):
        super().startTest(test)
        self.began = time.monotonic()

    def row(self, test, fault):
        name = test.id().rpartition(".")[2]
        seconds = round(time.monotonic() - self.began, 1)
        print(json.dumps({"name": name, "seconds": seconds, "fault": fault}), file=report, flush=True)

    def addSuccess(self, test):
        self.row(test, None)

    def addFailure(self, test, error):
        self.row(test, self._exc_info_to_string(error, test))

    addError = addFailure

    def addSkip(self, test, reason):
        self.row(test, f"skipped: {reason}")


def run_all():
    tests = unittest.defaultTestLoader.loadTestsFromTestCase(sys.modules["__main__"].Test)
    tests(Rows())


def patiently(subscribe):
    """Two tests publish from one connection right after another has sent SUBSCRIBE, and expect the
    message there. Nothing orders two connections, so the SUBSCRIBE gets a moment."""

    def wrapped(*arguments, **named):
        identifier = subscribe(*arguments, **named)
        time.sleep(0.2)
        return identifier

    return wrapped


report = sys.stdout
unittest.main = run_all
os.chdir(os.path.dirname(file))
sys.path.insert(0, os.path.dirname(file))
sys.argv = [file, "-p", port]

import mqtt.clients.V5

mqtt.clients.V5.Client.subscribe = patiently(mqtt.clients.V5.Client.subscribe)
with contextlib.redirect_stdout(sys.stderr):
    runpy.run_path(file, run_name="__main__")

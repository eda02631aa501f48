# SPDX-License-Identifier: GPL-2.0-or-later
"""What iotests/check does after the packages are there.

Builds, runs the C unit tests through meson and everything else through pytest, and adds the two up. The last line
of the output is always `N passed, N failed, N skipped in N s`; the exit status is 0 only if nothing failed and
something ran.
"""

import argparse
import fnmatch
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
IOTESTS = ROOT / "iotests"
SUITES = [IOTESTS / "tests", IOTESTS / "style"]
COVERAGE_FLOOR = 80.0       # per cent of the lines of impl/; raise it when the figure rises

DESCRIPTION = """\
Set up, build and run the tests of Rondo.

NAME selects tests: a C unit test (test-locks, or test-block*), a folder of iotests/tests (qcow2), a file, or a
pytest id. Without a NAME everything runs: unit tests under both engines, iotests, style."""


def parse_args():
    p = argparse.ArgumentParser(prog="iotests/check", description=DESCRIPTION,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("names", metavar="NAME", nargs="*", help="what to run (default: everything)")
    p.add_argument("-k", metavar="EXPR", help="only tests whose name matches (pytest's -k; a substring for unit tests)")
    p.add_argument("-l", "--list", action="store_true", help="list what would run")
    p.add_argument("--sanitize", action="store_true", help="build and run with ASan and UBSan")
    p.add_argument("--coverage", action="store_true",
                   help=f"measure line coverage of impl/, write HTML, fail below {COVERAGE_FLOOR:g} %%")
    p.add_argument("--jobs", "-j", type=int, default=os.cpu_count() or 1, metavar="N", help="tests at a time")
    p.add_argument("--junit", metavar="FILE", type=Path, help="write results as JUnit XML")
    p.add_argument("--build-dir", metavar="DIR", type=Path, help="build folder (default: build, build-sanitize, ...)")
    p.add_argument("--no-build", action="store_true", help="use the build folder as it is")
    p.add_argument("--update-golden", action="store_true", help="accept the present output as the expected one")
    p.add_argument("--verbose", "-v", action="store_true", help="name every test")
    args = p.parse_args()
    if args.jobs < 1:
        p.error("--jobs must be at least 1")
    if args.sanitize and args.coverage:
        p.error("--sanitize and --coverage need separate runs")
    return args


def die(text):
    print(f"check: {text}", file=sys.stderr)
    sys.exit(2)


def build_dir_of(args):
    if args.build_dir:
        return args.build_dir.resolve()
    return ROOT / ("build-sanitize" if args.sanitize else "build-coverage" if args.coverage else "build")


def build(args, bdir):
    options = ["-Dmutants=true"]
    if args.sanitize:
        options += ["-Db_sanitize=address,undefined"]
    if args.coverage:
        options += ["-Db_coverage=true"]
    if not args.no_build:
        r = subprocess.run([str(IOTESTS / "lib" / "setup.sh"), "--dir", str(bdir), *options])
        if r.returncode != 0:
            sys.exit(r.returncode)
    elif not (bdir / "build.ninja").exists():
        die(f"{bdir} is not a build folder; leave out --no-build")


def environment(args, bdir):
    env = dict(os.environ, RONDO_BUILD=str(bdir), RONDO_SOURCE=str(ROOT), PYTHONDONTWRITEBYTECODE="1")
    env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(IOTESTS / "lib"), os.environ.get("PYTHONPATH")]))
    if args.sanitize:
        env.setdefault("ASAN_OPTIONS", "abort_on_error=1:detect_stack_use_after_return=0:allocator_may_return_null=1")
        env.setdefault("UBSAN_OPTIONS", "halt_on_error=1:print_stacktrace=1")
        env["RONDO_SANITIZE"] = "1"
        env["G_SLICE"] = "always-malloc"    # GLib 2.74 recycles list cells behind the sanitizers' back
    if args.sanitize or args.coverage:
        env["RONDO_INSTRUMENTED"] = "1"
    if args.update_golden:
        env["RONDO_UPDATE_GOLDEN"] = "1"
    return env


class Tally:
    """Counts from JUnit files, and the merged file itself."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.failures = []
        self.suites = ET.Element("testsuites")

    def add(self, path, label):
        if not path.exists():
            self.failed += 1
            self.failures.append(f"{label}: wrote no results")
            return
        root = ET.parse(path).getroot()
        for suite in root.iter("testsuite"):
            self.suites.append(suite)
            for case in suite.iter("testcase"):
                name = f"{case.get('classname') or suite.get('name')}: {case.get('name')}"
                if case.find("failure") is not None or case.find("error") is not None:
                    self.failed += 1
                    self.failures.append(name)
                elif case.find("skipped") is not None:
                    self.skipped += 1
                else:
                    self.passed += 1


def unit_tests(bdir):
    r = subprocess.run(["meson", "introspect", "--tests", str(bdir)], capture_output=True, text=True)
    if r.returncode != 0:
        die(f"meson introspect failed:\n{r.stderr}")
    return sorted(t["name"] for t in json.loads(r.stdout))


def select(args, bdir):
    """Returns (names of unit tests, arguments for pytest); None for a half that should not run at all."""
    units = unit_tests(bdir)
    if args.k:
        matching = [u for u in units if args.k in u]
    else:
        matching = units
    if not args.names:
        return matching, [str(s) for s in SUITES if s.exists()]
    chosen, paths = [], []
    for name in args.names:
        hits = [u for u in units if fnmatch.fnmatch(u, name)]
        file_part = name.split("::")[0]
        places = [Path(file_part), ROOT / file_part, IOTESTS / file_part, IOTESTS / "tests" / file_part]
        place = next((p for p in places if p.exists()), None)
        if hits:
            chosen += [h for h in hits if h in matching]
        elif place:
            paths.append(str(place.resolve()) + name[len(file_part):])
        else:
            die(f"no unit test, folder or file is called '{name}'; see iotests/check --list")
    return chosen, paths


def run_units(args, bdir, names, env, tally):
    if not names:
        return
    cmd = ["meson", "test", "-C", str(bdir), "--no-rebuild", "--print-errorlogs",
           "--num-processes", str(args.jobs), *names]
    if args.sanitize or args.coverage:
        cmd += ["--timeout-multiplier", "5"]
    if args.verbose:
        r = subprocess.run(cmd, env=env)
    else:
        r = subprocess.run(cmd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if r.returncode != 0:
            print(r.stdout)
    before = tally.failed
    tally.add(bdir / "meson-logs" / "testlog.junit.xml", "unit tests")
    if r.returncode != 0 and tally.failed == before:
        tally.failed += 1
        tally.failures.append(f"unit tests: meson test ended with status {r.returncode}")
    print(f"unit tests: {len(names)} programs, {tally.passed} passed, {tally.failed} failed", flush=True)


def run_pytest(args, paths, env, tally):
    if not paths:
        return
    with tempfile.TemporaryDirectory(prefix="rondo-check-") as tmp:
        xml = Path(tmp) / "pytest.xml"
        cmd = ["/usr/bin/python3", "-m", "pytest", "-p", "no:cacheprovider", f"--rootdir={IOTESTS}",
               f"--junitxml={xml}", "-ra", "--tb=short", "-o", "junit_family=xunit2"]
        cmd += ["-v"] if args.verbose else ["-q"]
        if args.jobs > 1:
            cmd += ["-n", str(args.jobs), "--dist", "loadfile"]
        if args.k:
            cmd += ["-k", args.k]
        if args.update_golden:
            cmd += ["--update-golden"]
        r = subprocess.run(cmd + paths, env=env, cwd=ROOT)
        if r.returncode == 5:       # pytest: nothing collected
            return
        before = tally.failed
        tally.add(xml, "iotests")
        if r.returncode != 0 and tally.failed == before:
            tally.failed += 1
            tally.failures.append(f"iotests: pytest ended with status {r.returncode}")


def coverage_report(bdir, tally):
    info, html = bdir / "coverage.info", bdir / "coverage"
    quiet = ["--quiet", "--rc", "lcov_branch_coverage=0"]
    capture = subprocess.run(["lcov", *quiet, "--capture", "--directory", str(bdir), "--output-file", str(info)],
                             capture_output=True, text=True)
    if capture.returncode != 0:
        die(f"lcov failed:\n{capture.stderr}")
    subprocess.run(["lcov", *quiet, "--extract", str(info), str(ROOT / "impl") + "/*", "--output-file", str(info)],
                   check=True)
    subprocess.run(["lcov", *quiet, "--remove", str(info), "*/test-*.c", "*/bench-*.c", "*/fuzz-*.c",
                    "--output-file", str(info)], check=True)
    shutil.rmtree(html, ignore_errors=True)
    subprocess.run(["genhtml", "--quiet", "--output-directory", str(html), str(info)], check=True)
    summary = subprocess.run(["lcov", "--summary", str(info)], capture_output=True, text=True).stdout
    lines = re.search(r"lines\.*: ([0-9.]+)%", summary)
    percent = float(lines.group(1)) if lines else 0.0
    print(f"coverage: {percent:.1f} % of the lines of impl/ (floor {COVERAGE_FLOOR:g} %), see {html}/index.html")
    if percent < COVERAGE_FLOOR:
        tally.failed += 1
        tally.failures.append(f"coverage: {percent:.1f} % is below the floor of {COVERAGE_FLOOR:g} %")


def main():
    args = parse_args()
    started = time.monotonic()
    bdir = build_dir_of(args)
    build(args, bdir)
    env = environment(args, bdir)
    units, paths = select(args, bdir)
    if args.list:
        print("\n".join(units))
        if paths:
            subprocess.run(["/usr/bin/python3", "-m", "pytest", "-p", "no:cacheprovider", f"--rootdir={IOTESTS}",
                            "--collect-only", "-q", *(["-k", args.k] if args.k else []), *paths], env=env, cwd=ROOT)
        return 0
    if args.coverage:
        for old in bdir.rglob("*.gcda"):
            old.unlink()
    tally = Tally()
    run_units(args, bdir, units, env, tally)
    run_pytest(args, paths, env, tally)
    if args.coverage and not args.names and not args.k:
        coverage_report(bdir, tally)
    if args.junit:
        args.junit.parent.mkdir(parents=True, exist_ok=True)
        ET.ElementTree(tally.suites).write(args.junit, encoding="utf-8", xml_declaration=True)
    for name in tally.failures:
        print(f"FAILED {name}")
    if tally.passed + tally.failed + tally.skipped == 0:
        print("check: no test matched", file=sys.stderr)
        tally.failed = 1
    print(f"{tally.passed} passed, {tally.failed} failed, {tally.skipped} skipped "
          f"in {time.monotonic() - started:.0f} s")
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())

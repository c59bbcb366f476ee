#!/usr/bin/env python3
"""Builds what the tables say and compares what comes out: language.py TABLE.toml…

A table is a list of cases, [[case]]; what stands in [defaults] holds for each of them:

    name        of the case
    dockerfile  the text; where "outside" is true it lies beside the context
    files       of the context: "path" (which holds its own name), "path=content", "path->target", "folder/", each
                perhaps with a mode: "755 path"
    ignore      the text of .dockerignore
    options     more of the command line; "{}" in one is the context's folder
    environment of the build command

and what is expected, one or more of:

    error       the message behind "ERROR: failed to solve: ", to the letter
    marked      the lines of the Dockerfile that the excerpt points at
    output      pieces of what the build prints, each on one line
    without     pieces that it does not print
    config      dotted names of the image's configuration document, and their values; a missing one is "none"
    history     "created_by" of the entries that the Dockerfile has made
    tree        each file: "path", and behind it what is asked for: "mode=755 owner=1:2 text=… link=… folder". A file that
                is not named here must not be there (of the base's, those are left out)
    absent      folders that are not there: "tree" says nothing of folders that it does not name
    contents    path and text; without a word about other files

[[words]] is a table of expansions: `environment` and `arguments` are set, and each row of `rows` is a word of a
Dockerfile and what becomes of it, or { error = … }. [[patterns]] is one of sources: `files`, and rows of what COPY is
given and the files that it takes.
"""
import concurrent.futures
import os
import re
import subprocess
import sys
import tempfile
import tomllib

import image

CORACLE = [f"{os.environ['TOP']}/build/bin/coracle"]


class Mismatch(Exception):
    pass


def make_context(folder, case):
    for item in case.get("files", []):
        mode, _, rest = item.partition(" ")
        mode, item = (int(mode, 8), rest) if re.fullmatch(r"[0-7]{3,4}", mode) else (None, item)
        name = re.split(r"=|->", item, maxsplit=1)[0]
        path = f"{folder}/{name}"
        os.makedirs(path if name.endswith("/") else os.path.dirname(path), exist_ok=True)
        if item[len(name):].startswith("->"):
            os.symlink(item[len(name) + 2:], path)
        elif not name.endswith("/"):
            with open(path, "w") as file:
                file.write(item[len(name) + 1:] if "=" in item else name)
        if mode is not None:
            os.chmod(path, mode)
        elif not os.path.islink(path):
            os.chmod(path, 0o755 if name.endswith("/") else 0o644)
    if "ignore" in case:
        with open(f"{folder}/.dockerignore", "w") as file:
            file.write(case["ignore"])
    if "dockerfile" in case:
        with open(f"{folder}/Dockerfile" if not case.get("outside") else f"{folder}.Dockerfile", "w", newline="") as file:
            file.write(case["dockerfile"])


def build(case, archive):
    with tempfile.TemporaryDirectory(dir=os.environ["WORK"]) as top:
        folder = f"{top}/context"
        os.mkdir(folder)
        make_context(folder, case)
        if case.get("outside"):
            case = case | {"options": case.get("options", []) + ["-f", f"{folder}.Dockerfile"]}
        options = [option.replace("{}", folder) for option in case.get("options", [])]
        return subprocess.run([*CORACLE, "build", "--progress", "plain", "-o", f"type=oci,dest={archive}", *options, folder],
                              env=os.environ | case.get("environment", {}), stdout=subprocess.PIPE, timeout=120,
                              stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, errors="surrogateescape")


def expect(what, found, wanted):
    if found != wanted:
        raise Mismatch(f"{what}\n    is     {found!r}\n    not    {wanted!r}")


def check_output(case, output):
    for piece in case.get("output", []):
        if not any(piece in line for line in output.splitlines()):
            raise Mismatch(f"the output has no line with {piece!r}:\n{output}")
    for piece in case.get("without", []):
        if piece in output:
            raise Mismatch(f"the output has {piece!r}:\n{output}")


def check_error(case, done):
    if done.returncode != 1:
        raise Mismatch(f"the exit code is {done.returncode}, and it should have failed\n{done.stdout}")
    message = done.stdout.rpartition("ERROR: ")[2].strip("\n")
    expect("the message", message, "failed to solve: " + case["error"])
    if "marked" in case:
        marked = [int(number) for number in re.findall(r"^ *(\d+) \| >>>", done.stdout, re.MULTILINE)]
        expect("the lines that are marked", marked, case["marked"])


def look_up(document, name):
    for part in re.findall(r'"[^"]*"|[^.]+', name):
        part = part.strip('"')
        if not isinstance(document, dict) or part not in document:
            return "none"
        document = document[part]
    return document


def check_config(case, config, base):
    for name, wanted in case.get("config", {}).items():
        found = look_up(config, name)
        if name == "config.Env" and wanted and not wanted[0].startswith("PATH="):
            found = [item for item in found if not item.startswith("PATH=")]
        expect(name, found, wanted)
    if "history" in case:
        made = [entry["created_by"] for entry in config["history"][len(base.config["history"]) if base else 0:]]
        expect("the history", made, case["history"])


def describe(tree, path, wanted):
    """The file as the line of the table describes it, so that both can be compared."""
    node = tree.get(path)
    if not node:
        return None
    parts = [path]
    for part in wanted.split(" ")[1:]:
        key = part.partition("=")[0]
        parts.append({
            "mode": lambda: f"mode={node.mode:o}",
            "owner": lambda: "owner={}:{}".format(*node.owner),
            "text": lambda: "text=" + (node.content or b"").decode().replace(" ", "_").replace("\n", "$"),
            "link": lambda: f"link={node.target}",
            "time": lambda: f"time={node.time}",
            "folder": lambda: node.kind if node.kind != "folder" else "folder",
        }[key]())
    return " ".join(parts)


def check_tree(case, built, base):
    ours = {path: node for path, node in built.tree.items()
            if not base or path not in base.tree or vars(base.tree[path]) != vars(node)}
    if "tree" in case:
        wanted = {line.split(" ")[0]: line for line in case["tree"]}
        found = {path for path, node in ours.items() if path in wanted or node.kind != "folder" and path != ".dockerignore"}
        expect("files that should not be there", sorted(found - wanted.keys()), [])
        expect("files that are missing", sorted(wanted.keys() - built.tree.keys()), [])
        for path, line in wanted.items():
            expect(path, describe(built.tree, path, line), line)
    expect("what should be absent", [path for path in case.get("absent", []) if path in built.tree], [])
    for path, text in case.get("contents", {}).items():
        if path not in built.tree:
            raise Mismatch(f"{path} is not there, but {sorted(ours)}")
        expect(path, (built.tree[path].content or b"").decode("utf-8", "surrogateescape"), text)


def load_base(case, bases):
    name = re.findall(r"^FROM +(?:--\S+ +)*(\S+)", case["dockerfile"], re.MULTILINE | re.IGNORECASE)
    return bases.get(name[-1]) if name else None


def run_case(case, bases):
    if not {"error", "output", "without", "config", "history", "tree", "contents"} & case.keys():
        raise Mismatch("the case expects nothing")
    archive = tempfile.mktemp(dir=os.environ["WORK"], suffix=".oci")
    try:
        done = build(case, archive)
        check_output(case, done.stdout)
        if "error" in case:
            return check_error(case, done)
        if done.returncode:
            raise Mismatch(f"it failed with {done.returncode}:\n{done.stdout}")
        built, base = image.load(archive), load_base(case, bases)
        check_config(case, built.config, base)
        check_tree(case, built, base)
    finally:
        if os.path.exists(archive):
            os.unlink(archive)


def quote(text):
    return "'" + text + "'" if "'" not in text else '"' + re.sub(r'(["\\$])', r"\\\1", text) + '"'


def word_cases(table):
    """The words that work in one build, as labels; those that do not in one each."""
    head = "FROM scratch\n" if "escape" not in table else f"# escape={table['escape']}\nFROM scratch\n"
    head += "".join(f"ENV {key}={quote(value)}\n" for key, value in table.get("environment", {}).items())
    head += "".join(f"ARG {key}={quote(value)}\n" for key, value in table.get("arguments", {}).items())
    good = [(number, row) for number, row in enumerate(table["rows"]) if isinstance(row[1], str)]
    lines = "".join(f"LABEL l{number}={row[0]}\n" for number, row in good)
    yield {"name": table["name"], "dockerfile": head + lines,
           "config": {f"config.Labels.l{number}": row[1] for number, row in good}}
    for word, wanted in (row for row in table["rows"] if not isinstance(row[1], str)):
        yield {"name": f"{table['name']}: {word}", "dockerfile": f"{head}LABEL l={word}\n", "error": wanted["error"],
               "marked": [head.count("\n") + 1]}


def pattern_cases(table):
    """A folder of the image for each row."""
    rows = [row for row in table["rows"] if not isinstance(row[1], dict)]
    tree = [f"{number}/{name}" for number, row in enumerate(rows) for name in row[1]]
    yield {"name": table["name"], "files": table["files"], "tree": tree,
           "dockerfile": "FROM scratch\n" + "".join(f"COPY {row[0]} /{number}/\n" for number, row in enumerate(rows))}
    for row in (row for row in table["rows"] if isinstance(row[1], dict)):
        yield {"name": f"{table['name']}: {row[0]}", "files": table["files"], "error": row[1]["error"],
               "dockerfile": f"FROM scratch\nCOPY {row[0]} /x/\n"}


def read_cases(path):
    with open(path, "rb") as file:
        table = tomllib.load(file)
    yield from (table.get("defaults", {}) | case for case in table.get("case", []))
    for words in table.get("words", []):
        yield from word_cases(words)
    for patterns in table.get("patterns", []):
        yield from pattern_cases(patterns)


def load_bases():
    """The images that tables are based on, as they are before."""
    bases = {}
    archive = f"{os.environ['WORK']}/base.oci"
    for name in ("probe:1",):
        done = build({"dockerfile": f"FROM {name}\n"}, archive)
        if done.returncode:
            sys.exit(f"the base {name} is not there:\n{done.stdout}")
        bases[name] = image.load(archive)
        os.unlink(archive)
    return bases


def main():
    failures = count = 0
    bases = {} if os.environ.get("WITHOUT_BASES") else load_bases()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for path in sys.argv[1:]:
            cases = list(read_cases(path))
            for case, future in [(case, pool.submit(run_case, case, bases)) for case in cases]:
                count += 1
                try:
                    future.result()
                except Exception as problem:  # each case is told, whatever went wrong in it
                    failures += 1
                    kind = "" if isinstance(problem, Mismatch) else f"{type(problem).__name__}: "
                    print(f"{os.path.basename(path)}: {case.get('name', case.get('dockerfile'))}: {kind}{problem}")
                    print("    |" + case.get("dockerfile", "").replace("\n", "\n    |"))
    print(f"{count} cases, {failures} failed")
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()

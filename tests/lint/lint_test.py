"""Each lint finds what it is for: a violation is planted into a small tree."""

import json
import os
import subprocess
import tempfile
import unittest

import headers
import layers
import lengths
import names
import public
import tidy


def plant(root, files):
    for path, text in files.items():
        os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
        with open(os.path.join(root, path), "w", encoding="utf-8") as file:
            file.write(text)


def findings_in(lint, files, *args):
    with tempfile.TemporaryDirectory() as root:
        plant(root, files)
        return list(lint.findings(root, *args))


def findings(lint, path, text):
    return findings_in(lint, {path: text})


class Layers(unittest.TestCase):
    def test_what_is_allowed(self):
        for path, header in (
            ("gateway/s3/a.c", '"meta/meta.h"'),
            ("storage/node/a.c", '"storage/protocol.h"'),
            ("compat/a.c", "<libxml/parser.h>"),
            ("base/a.c", "<curl/curl.h>"),
            ("meta/a.h", "<string.h>"),
        ):
            self.assertEqual(findings(layers, path, f"#include {header}\n"), [])

    def test_what_is_not(self):
        for path, header in (
            ("base/a.c", '"compat/error.h"'),
            ("meta/a.h", '"storage/protocol.h"'),
            ("compat/a.c", '"meta/meta.h"'),
            ("storage/cluster/a.c", '"storage/node/api.h"'),
            ("storage/node/a.c", '"storage/cluster/cluster.h"'),
            ("gateway/main.c", '"storage/node/api.h"'),
            ("gateway/files/a.c", '"gateway/s3/s3.h"'),
            ("gateway/main.c", "<rocksdb/c.h>"),
            ("storage/node/small_store.c", "<rocksdb/c.h>"),
            ("meta/store_rocks.c", "<rocksdb/c.h>"),
            ("storage/cluster/a.c", "<curl/curl.h>"),
            ("meta/a.c", "<libxml/parser.h>"),
        ):
            found = findings(layers, path, f"/* a file */\n#include {header}\n")
            self.assertEqual(len(found), 1, path)
            self.assertTrue(found[0].startswith(f"{path}:2: "), found)


class Lengths(unittest.TestCase):
    def test_functions(self):
        for body, count in ((57, 0), (58, 1)):
            text = "/* One. */\nint one(int a,\n        int b)\n{\n" + "    a++;\n" * (body - 1)
            text += "}\n\nint two(void)\n{\n}\n"
            found = findings(lengths, "meta/a.c", text)
            self.assertEqual(len(found), count, found)
        self.assertTrue(found[0].startswith("meta/a.c:2: a function of 61 lines"), found)

    def test_files(self):
        for path, most in (("meta/a.c", 500), ("base/a.h", 500), ("tests/unit/a.c", 800), ("tests/e2e/a.py", 800)):
            self.assertEqual(findings(lengths, path, "\n" * most), [])
            found = findings(lengths, path, "\n" * (most + 1))
            self.assertEqual(len(found), 1, path)
            self.assertTrue(found[0].startswith(f"{path}:1: a file of {most + 1} lines"), found)


class Names(unittest.TestCase):
    def test_one_meaning(self):
        for text in ("static int one(void)\n{\n}\n", "struct one;\nstatic struct one *two;\n", "one(1);\n"):
            self.assertEqual(findings_in(names, {"meta/a.c": text, "storage/node/b.c": text}), [])
        header, source = "enum status one(struct two *two);\n", "enum status one(struct two *two)\n{\n}\n"
        self.assertEqual(findings_in(names, {"meta/a.h": header, "meta/a.c": source}), [])

    def test_two_meanings(self):
        for file, text in (
            ("a.c", "struct one {\n    int a;\n};\n"),
            ("a.h", "enum one {\n    ONE,\n};\n"),
            ("a.c", "struct two *one(void)\n{\n}\n"),
            ("a.h", "unsigned long one(int a);\n"),
        ):
            found = findings_in(names, {f"meta/{file}": text, f"storage/node/{file}": "\n" + text})
            self.assertEqual(found, [f"storage/node/{file}:2: one is at meta/{file}:1, too"])


class Headers(unittest.TestCase):
    def test_headers(self):
        good = "#include <stddef.h>\nsize_t one(void);\nstatic int unused;\n"
        self.assertEqual(findings_in(headers, {"meta/a.h": good, "tests/unit/b.h": good}, []), [])
        for path in ("meta/a.h", "tests/unit/b.h"):
            found = findings_in(headers, {path: "\nbool one(void);\n"}, [])
            self.assertEqual(len(found), 1, found)
            self.assertIn(f"{path}:2:", found[0])
        cmocka = "static inline void one(void)\n{\n    assert_true(1);\n}\n"
        self.assertEqual(findings_in(headers, {"tests/unit/b.h": cmocka}, []), [])
        self.assertEqual(len(findings_in(headers, {"meta/a.h": cmocka}, [])), 1)


class Public(unittest.TestCase):
    FILES = {
        "meta/a.c": "void one(void)\n{\n}\nvoid two(void)\n{\n    one();\n}\n",
        "meta/b.c": "void two(void);\nint main(void)\n{\n    two();\n}\n",
        "tests/c.c": "void one(void);\nint main(void)\n{\n    one();\n}\n",
    }

    def findings(self, files, for_tests=None):
        with tempfile.TemporaryDirectory() as root:
            plant(root, files)
            for path in files:
                subprocess.run(["cc", "-c", "-o", f"{path}.o", path], cwd=root, check=True)
            plant(root, {"compile_commands.json": json.dumps(
                [{"directory": root, "file": f"{root}/{path}", "command": f"cc -c -o {path}.o {path}"} for path in files])})
            return list(public.findings(root, root, for_tests or {}))

    def test_used(self):
        self.assertEqual(self.findings(self.FILES), [])
        unlisted = self.findings(self.FILES, {"meta/a.c": ("two", "no reason")})
        self.assertEqual(unlisted, ["meta/a.c: two need not be listed in public.py"])

    def test_unused(self):
        without_tests = {path: text for path, text in self.FILES.items() if path != "tests/c.c"}
        self.assertEqual(self.findings(without_tests), ["meta/a.c: only this file uses one, which is not static"])
        tests_alone = dict(self.FILES, **{"meta/a.c": "/* one() */\nvoid one(void)\n{\n}\nvoid two(void)\n{\n}\n"})
        self.assertEqual(self.findings(tests_alone), ["meta/a.c: tests alone use one"])
        self.assertEqual(self.findings(tests_alone, {"meta/a.c": ("one", "a reason")}), [])


class Tidy(unittest.TestCase):
    CONFIG = "--config-file=" + os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../.clang-tidy")

    def test_what_is_not_compared(self):
        text = "#include <string.h>\nint same(const char *a, const char *b)\n{\n    if (memcmp(a, b, 4))\n        return 0;\n    return 1;\n}\n"
        found = findings_in(tidy, {"base/a.c": text}, [self.CONFIG, "--"])
        self.assertEqual([line.split(" ")[0] for line in found], ["base/a.c:4:"])
        self.assertEqual(findings_in(tidy, {"base/a.c": text.replace("4))", "4) != 0)")}, [self.CONFIG, "--"]), [])

    def test_what_does_not_compile(self):
        self.assertNotEqual(findings_in(tidy, {"base/a.c": "int f(void) { return nothing; }\n"}, [self.CONFIG, "--"]), [])


if __name__ == "__main__":
    unittest.main()

"""What documents and comments name is there: files, functions, tests, links. Things are renamed and moved; the words that
point to them are not compiled."""

import os
import re
import subprocess
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# Of other programs, or to be filled in by the reader.
FOREIGN = {"valgrind/valgrind.h", "rocksdb/c.h", "db/log_format.h", "util/crc32c.h", "lib/http1.c", "finding.c",
           "work/finding.c", "table.md"}
PLACEHOLDER = re.compile(r"[A-Z]{3,}|\$|\*")
EXTENSIONS = r"(?:c|h|py|md|sh|cmake|mjs|patch)"
FILE = re.compile(rf"(?<![\w/.$*}}-])((?:[\w.-]+/)*[\w-]+\.{EXTENSIONS})(?![\w/(*]|\.\w)")
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


def tracked(*patterns):
    out = subprocess.run(["git", "-C", ROOT, "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
                         capture_output=True, text=True, check=True).stdout
    return [name for name in out.splitlines() if os.path.exists(os.path.join(ROOT, name))]


def read(name):
    with open(os.path.join(ROOT, name), errors="replace") as file:
        return file.read()


class Named(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.files = tracked()
        cls.by_base = {}
        for name in cls.files:
            cls.by_base.setdefault(os.path.basename(name), []).append(name)
        cls.pages = [name for name in cls.files if name.endswith(".md") and not name.startswith("tests/")]
        cls.sources = [name for name in cls.files if re.search(r"\.[ch]$", name)]
        cls.code = "\n".join(COMMENT.sub("", read(name)) for name in cls.sources)
        cls.python = "\n".join(read(name) for name in cls.files if name.endswith(".py"))

    def exists(self, name, beside):
        if name in FOREIGN or PLACEHOLDER.search(name):
            return True
        path = os.path.normpath(os.path.join(os.path.dirname(beside), name))
        alike = self.by_base.get(os.path.basename(name), ())
        return path in alike or any(file == name or file.endswith("/" + name) for file in alike)

    def texts(self):
        for name in self.sources:
            for comment in COMMENT.findall(read(name)):
                yield name, comment
        for name in self.pages:
            if name != "CHANGELOG.md":
                yield name, re.sub(r"https?://\S+", "", read(name))

    def test_files(self):
        missing = {(name, found) for name, text in self.texts() for found in FILE.findall(text) if not self.exists(found, name)}
        self.assertEqual(missing, set())

    def test_functions(self):
        """`name()` in a document is a function of the code."""
        known = set(re.findall(r"\b\w+\b", self.code)) | set(re.findall(r"def (\w+)", self.python))
        missing = {(name, found) for name in self.pages for found in re.findall(r"`(?:\w+\.)?(\w+)\(\)`", read(name)) if found not in known}
        self.assertEqual(missing, set())

    def test_links(self):
        missing = set()
        for name in self.pages:
            for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", read(name)):
                path = os.path.normpath(os.path.join(os.path.dirname(name), target))
                if not re.match(r"https?:", target) and not os.path.exists(os.path.join(ROOT, path)):
                    missing.add((name, target))
        self.assertEqual(missing, set())

    def test_tests(self):
        suite = read("tests/suite.cmake") + read("tests/CMakeLists.txt")
        known = {f"unit.{folder}.{base}" for folder, base in re.findall(r"tests/unit/(\w+)/(\w+)_test\.c", "\n".join(self.files))}
        known |= {f"fuzz.{base}" for base in re.findall(r"tests/fuzz/(\w+)_fuzz\.c", "\n".join(self.files))}
        known |= set(re.findall(r"suite_python\(([\w.-]+)", suite))
        pattern = re.compile(r"(?<![\w./])(?:unit\.\w+\.\w+|(?:e2e|fuzz|clients|faults|observability)\.[a-z][\w-]*)(?![\w.]*\.\w|\()")
        missing = {(name, found) for name, text in self.texts() if name.endswith(".md") for found in re.findall(pattern, text)
                   if not PLACEHOLDER.search(found) and found not in known}
        self.assertEqual(missing, set())

    def test_cases(self):
        """What stands behind a test's name, in parentheses or after a colon, is one of its cases."""
        cases = set(re.findall(r"\b\w+\b", self.code + self.python))
        listed = re.compile(r"`(?:unit|e2e)\.[\w.-]+`(?:\s*\(((?:`\w+`(?:,\s*)?)+)\)|:\s*(\w+(?:,\s*\w+)*))")
        missing = set()
        for name in self.pages:
            for words in listed.findall(read(name)):
                missing |= {(name, word) for word in re.findall(r"\w+", " ".join(words)) if word not in cases}
        self.assertEqual(missing, set())

    def test_scenarios(self):
        known = {found.replace("_", "-") for found in re.findall(r"@scenario\([^)]*\)\ndef (\w+)", self.python)}
        known |= {os.path.basename(name)[:-len(".patch")] for name in self.files if name.startswith("tests/faults/broken/")}
        missing = set()
        for name in self.pages:
            for words in re.findall(r"(?:scenarios?|broken builds?)\s+((?:`[a-z-]+`(?:,\s*|\s+and\s+)?)+)", read(name)):
                missing |= {(name, word) for word in re.findall(r"`([a-z-]+)`", words) if word not in known}
        self.assertEqual(missing, set())


if __name__ == "__main__":
    sys.exit(not unittest.main(exit=False, verbosity=2).result.wasSuccessful())
